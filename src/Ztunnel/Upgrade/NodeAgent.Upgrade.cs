using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;
using Ztunnel.IO;
using Ztunnel.Proxy;

namespace Ztunnel;

/// <content>
/// How one agent follows another on a node without a connection being refused. The listening sockets themselves are passed on,
/// so that there is one queue of connections throughout, from which both accept until the new one does in every pod.
/// </content>
public sealed partial class NodeAgent
{
    /// <summary>How long the listening sockets of pods that are not enrolled yet hold what comes to them.</summary>
    private static readonly TimeSpan InheritedPatience = TimeSpan.FromMinutes(2);

    private readonly Dictionary<IPEndPoint, Socket> _diagnosticsSockets = [];
    private readonly Dictionary<IPEndPoint, SafeFileHandle> _inheritedDiagnostics = [];
    private Succession? _succession;

    /// <summary>Completes when another agent has taken over: what is left to do is <see cref="Drain"/>. Never without a run directory.</summary>
    public Task HandedOver => _succession?.HandedOver ?? Task.Delay(Timeout.InfiniteTimeSpan, _stopping.Token);

    /// <summary>Whether no other agent of the node has taken over, or is about to.</summary>
    private bool IsLast => _succession is not ({ IsHandingOver: true } or { HandedOver.IsCompleted: true });

    /// <summary>Asks the agent that runs for its listening sockets. Null when none does.</summary>
    private async Task<UpgradeConversation?> Inherit()
    {
        if (_options.RunDirectory is not { } directory || await Succession.Ask(directory, _options.Node) is not { } predecessor)
            return null;
        try
        {
            while (true)
            {
                (UpgradeMessage message, IReadOnlyList<SafeFileHandle> sockets) = await predecessor.Hear();
                if (message.Step == UpgradeStep.AllSent)
                    return predecessor;
                foreach ((string address, SafeFileHandle socket) in (message.Addresses ?? []).Zip(sockets))
                {
                    IPEndPoint at = IPEndPoint.Parse(address);
                    if (message.Step == UpgradeStep.PodListeners)
                        _proxy.Inherited.Add(message.NetworkNamespace, at, socket);
                    else
                        _inheritedDiagnostics[at] = socket;
                }
            }
        }
        catch
        {
            predecessor.Dispose();
            throw;
        }
    }

    /// <summary>Takes over once the pods that can be enrolled are, and waits until the old agent accepts nothing more.</summary>
    private async Task TakeOver(UpgradeConversation predecessor, CancellationToken stop)
    {
        await Task.WhenAny(_enroller.Settled, Task.Delay(_options.SettlePatience, stop));
        stop.ThrowIfCancellationRequested();
        _ = LetGoOfInherited();
        int connections = await ReceiveConnections(predecessor);
        _proxy.OwnListeners();
        LogTookOver(connections);
    }

    /// <summary>A pod that is enrolled late finds its sockets as the old agent left them, with what has come meanwhile.</summary>
    private async Task LetGoOfInherited()
    {
        await Task.WhenAny(_enroller.Settled, Task.Delay(InheritedPatience, _stopping.Token));
        _proxy.Inherited.Dispose();
    }

    /// <summary>Passes everything on to a new agent. False when it was none of ours to pass on to.</summary>
    private async Task<bool> HandOver(UpgradeConversation successor)
    {
        UpgradeMessage take;
        try
        {
            (take, _) = await successor.Hear();
        }
        catch (EndOfStreamException)
        {
            // It looked whether we are here, and will come when it is ready.
            return false;
        }

        if (take is not { Step: UpgradeStep.Take, Version: > 0 } || take.Node != _options.Node)
        {
            LogNotOurs(take.Node ?? "", take.Version);
            return false;
        }

        LogHandingOver();
        // Pods that are made meanwhile are tried again by their runtime, and find the new agent's door.
        await CloseDoor();
        await _enroller.Pause();
        try
        {
            await PassListeners(successor);
            (UpgradeMessage ready, _) = await successor.Hear();
            if (ready.Step != UpgradeStep.Ready)
                throw new IOException($"the new agent said {ready.Step} instead of {UpgradeStep.Ready}");
        }
        catch
        {
            _proxy.OwnListeners();
            _enroller.Resume();
            OpenDoor();
            throw;
        }

        await _proxy.YieldListeners();
        await _diagnostics.DisposeAsync();
        await PassConnections(successor, take.Version);
        return true;
    }

    private async Task PassListeners(UpgradeConversation successor)
    {
        IReadOnlyList<SharedListener> shared = _proxy.ShareListeners();
        try
        {
            foreach (SharedListener[] pod in shared.GroupBy(listener => listener.NetworkNamespace).SelectMany(pod => pod.Chunk(DescriptorSocket.MaxDescriptors)))
            {
                await successor.Say(
                    new UpgradeMessage
                    {
                        Step = UpgradeStep.PodListeners,
                        NetworkNamespace = pod[0].NetworkNamespace,
                        Addresses = [.. pod.Select(listener => listener.Address.ToString())],
                    },
                    [.. pod.Select(listener => listener.Socket)]);
            }

            await successor.Say(
                new UpgradeMessage { Step = UpgradeStep.DiagnosticsListeners, Addresses = [.. _diagnosticsSockets.Keys.Select(address => address.ToString())] },
                [.. _diagnosticsSockets.Values.Select(socket => socket.SafeHandle)]);
            await successor.Say(new UpgradeMessage { Step = UpgradeStep.AllSent });
        }
        finally
        {
            foreach (SharedListener listener in shared)
                listener.Socket.Dispose();
        }
    }

    /// <summary>The bound socket for a diagnostics address: the old agent's, or a new one in the node's namespace.</summary>
    private Socket BindDiagnostics(EndPoint endpoint)
    {
        var at = (IPEndPoint)endpoint;
        Socket socket = _inheritedDiagnostics.Remove(at, out SafeFileHandle? inherited) ? Adopt(inherited)
            : _options.NodeNamespace is { } ns ? ns.Run(() => Bind(at))
            : Bind(at);
        _diagnosticsSockets[at] = socket;
        return socket;
    }

    private static Socket Adopt(SafeFileHandle inherited)
    {
        var socket = new Socket(new SafeSocketHandle(inherited.DangerousGetHandle(), ownsHandle: true));
        inherited.SetHandleAsInvalid();
        return socket;
    }

    private static Socket Bind(IPEndPoint at)
    {
        var socket = new Socket(at.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        if (at.AddressFamily == AddressFamily.InterNetworkV6)
            socket.DualMode = true;
        socket.Bind(at);
        return socket;
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "a new agent is here: passing the listening sockets on")]
    private partial void LogHandingOver();

    [LoggerMessage(Level = LogLevel.Information, Message = "took over from the agent that ran before, with {Connections} connections")]
    private partial void LogTookOver(int connections);

    [LoggerMessage(Level = LogLevel.Warning, Message = "an agent of node {Node} that speaks version {Version} wanted to take over: not from us")]
    private partial void LogNotOurs(string node, int version);
}
