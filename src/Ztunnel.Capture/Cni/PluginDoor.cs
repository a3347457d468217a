using System.Collections.Immutable;
using System.Net;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;
using Ztunnel.IO;
using Ztunnel.Mesh;

namespace Ztunnel.Capture;

/// <summary>
/// Where the node's agent is asked by its CNI plugin: a socket in the run directory, for root only. A sandbox's network
/// namespace comes as an open descriptor, so that no path is believed.
/// </summary>
public sealed partial class PluginDoor : IAsyncDisposable
{
    /// <summary>How many may wait in line: a node that has just started makes all its pods at once.</summary>
    private const int Backlog = 256;

    /// <summary>How long the plugin may take to say what it wants.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    /// <summary>How long a request may take; the plugin waits a little longer, to hear what held it up.</summary>
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(25);

    private static readonly TimeSpan RetryInterval = TimeSpan.FromSeconds(1);

    private readonly PodEnroller _enroller;
    private readonly IPodDirectory _pods;
    private readonly string _node;
    private readonly ILogger _logger;
    private readonly DescriptorSocket _door;
    private readonly CancellationTokenSource _closing = new();
    private readonly HashSet<Task> _serving = [];
    private readonly Task _accepting;

    private PluginDoor(DescriptorSocket door, string node, PodEnroller enroller, IPodDirectory pods, ILogger logger)
    {
        _door = door;
        _node = node;
        _enroller = enroller;
        _pods = pods;
        _logger = logger;
        _accepting = Task.Factory.StartNew(Accept, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default).Unwrap();
    }

    /// <summary>
    /// Opens it, in place of another agent's: who asks from now on asks this one. Throws <see cref="IOException"/>.
    /// </summary>
    /// <param name="runDirectory">A directory of the node's that only root may write to.</param>
    /// <param name="node">The node whose pods are enrolled.</param>
    /// <param name="enroller">What enrols them, following the model.</param>
    /// <param name="pods">Where they are looked up.</param>
    /// <param name="logger">Where refusals are told.</param>
    public static PluginDoor Open(string runDirectory, string node, PodEnroller enroller, IPodDirectory pods, ILogger logger) =>
        new(DescriptorSocket.Listen(PathIn(runDirectory), Backlog), node, enroller, pods, logger);

    /// <summary>Where the socket is.</summary>
    internal static string PathIn(string runDirectory) => Path.Combine(runDirectory, "cni.sock");

    /// <summary>Closes it; what is under way is refused.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_closing.IsCancellationRequested)
            return;
        await _closing.CancelAsync();
        _door.Interrupt();
        await _accepting;
        _door.Dispose();
        Task[] serving;
        lock (_serving)
            serving = [.. _serving];
        await Task.WhenAll(serving);
        _closing.Dispose();
    }

    private async Task Accept()
    {
        while (!_closing.IsCancellationRequested)
        {
            try
            {
                if (_door.Accept(Patience) is not { } plugin)
                    return;
                Task serving = Task.Run(() => Serve(plugin));
                lock (_serving)
                    _serving.Add(serving);
                _ = serving.ContinueWith(Served, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
            }
            catch (IOException e)
            {
                LogCannotAccept(e.Message);
                await Task.Delay(RetryInterval);
            }
        }
    }

    private void Served(Task serving)
    {
        lock (_serving)
            _serving.Remove(serving);
    }

    private async Task Serve(DescriptorSocket plugin)
    {
        using (plugin)
        {
            try
            {
                byte[] bytes = plugin.Receive(out IReadOnlyList<SafeFileHandle> descriptors);
                PluginAnswer answer = await Answer(bytes, descriptors);
                plugin.Send(JsonSerializer.SerializeToUtf8Bytes(answer, PluginJson.Default.PluginAnswer));
            }
            catch (IOException e)
            {
                LogGone(e.Message);
            }
        }
    }

    private async Task<PluginAnswer> Answer(byte[] bytes, IReadOnlyList<SafeFileHandle> descriptors)
    {
        PluginRequest? request = null;
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(_closing.Token);
        limit.CancelAfter(Limit);
        try
        {
            request = JsonSerializer.Deserialize(bytes, PluginJson.Default.PluginRequest);
            if (request is null || descriptors.Count != 1)
                return Refused($"a request comes with one network namespace, not {descriptors.Count}");
            PluginAnswer answer = await Do(request, NetworkNamespace.Adopt(descriptors[0]), limit.Token);
            if (answer.Outcome is PluginOutcome.Refused or PluginOutcome.Later)
                LogRefused(request.Command, request.Namespace, request.Name, answer.Reason);
            return answer;
        }
        catch (OperationCanceledException)
        {
            return Later(_closing.IsCancellationRequested ? "the agent stops" : $"it took longer than {Limit.TotalSeconds:0} s");
        }
#pragma warning disable CA1031 // Whatever ails one request, its pod does not start and others do.
        catch (Exception failure)
#pragma warning restore CA1031
        {
            LogRefused(request?.Command ?? default, request?.Namespace ?? "", request?.Name ?? "", failure.Message);
            return failure is IOException ? Later(failure.Message) : Refused(failure is EnrolmentException { Reason: var reason } ? $"{reason}: {failure.Message}" : failure.Message);
        }
        finally
        {
            foreach (SafeFileHandle descriptor in descriptors)
                descriptor.Dispose();
        }
    }

    private async Task<PluginAnswer> Do(PluginRequest request, NetworkNamespace sandbox, CancellationToken cancellationToken)
    {
        bool given = false;
        try
        {
            if (request.Command == PluginCommand.Delete)
            {
                if (UidOf(request) is { } uid)
                    _enroller.TearDown(uid, sandbox.Inode);
                return Done;
            }

            if (await _pods.Find(request.Namespace, request.Name, request.Uid, cancellationToken) is not { } pod)
                return Later($"no pod {request.Namespace}/{request.Name} with uid {request.Uid ?? "(not said)"} is known");
            if (!pod.Ambient)
                return new PluginAnswer { Outcome = PluginOutcome.NotInMesh };
            if (pod.Node.Length > 0 && pod.Node != _node)
                return Refused($"the pod is bound to node {pod.Node}, and this is the agent of node {_node}");
            if (request.Command == PluginCommand.Check)
                return Check(pod);
            ImmutableArray<IPAddress> addresses = [.. request.Addresses.Select(IPAddress.Parse)];
            given = true;
            await _enroller.Enrol(pod with { Node = _node }, sandbox, addresses, cancellationToken);
            return Done;
        }
        finally
        {
            if (!given)
                sandbox.Dispose();
        }
    }

    private PluginAnswer Check(Workload pod) =>
        _enroller.Snapshot().Any(status => status.Workload.Uid == pod.Uid && status.State is EnrolmentState.Enrolled)
            ? Done
            : Refused("it is not");

    private string? UidOf(PluginRequest request) => _enroller.Snapshot().Select(status => status.Workload)
        .FirstOrDefault(pod => pod.Name == request.Name && pod.Namespace == request.Namespace && (request.Uid is null || request.Uid == pod.KubeletUid))?.Uid;

    private static PluginAnswer Done { get; } = new() { Outcome = PluginOutcome.Done };

    private static PluginAnswer Refused(string reason) => new() { Outcome = PluginOutcome.Refused, Reason = reason };

    private static PluginAnswer Later(string reason) => new() { Outcome = PluginOutcome.Later, Reason = reason };

    [LoggerMessage(Level = LogLevel.Warning, Message = "CNI {Command} of pod {Namespace}/{Name} is refused: {Reason}")]
    private partial void LogRefused(PluginCommand command, string @namespace, string name, string? reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "cannot hear of new pods: {Reason}")]
    private partial void LogCannotAccept(string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "a CNI plugin went away before it was answered: {Reason}")]
    private partial void LogGone(string reason);
}
