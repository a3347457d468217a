using System.Collections.Concurrent;
using Ztunnel.IO;
using Ztunnel.Mesh;

namespace Ztunnel.Gateway;

/// <summary>
/// Relays what comes to listeners that take connections as they are (TLSRoute, TCPRoute) to the backends of their routes. What may not
/// go anywhere is reset: without a word of TLS, as Gateway API wants it.
/// </summary>
internal sealed class StreamRelays(GatewayPod pod, MeshState mesh, IReadOnlyList<GatewayLoop> loops, RawUpstream raw) : IDisposable
{
    private readonly ConcurrentDictionary<Channel, TaskCompletionSource> _open = new();
    private readonly CancellationTokenSource _ended = new();

    /// <summary>Whether a connection to a listener leads anywhere, before more is done for it.</summary>
    public bool Leads(StreamListener listener, Entry.Listener entry) => listener.RuleFor(entry.ServerName) is not null && !IsDenied(listener, entry);

    /// <summary>Serves a connection until both sides have ended. Runs on its loop and owns it.</summary>
    public async ValueTask Relay(Channel client, StreamListener listener, Entry.Listener entry)
    {
        // A share of the connections may be for a backend that cannot be used.
        if (!Leads(listener, entry) || listener.RuleFor(entry.ServerName)!.Choose(Random.Shared.NextDouble()) is not { Fault: null, Service: { } service } backend)
        {
            client.Dispose();
            return;
        }

        var end = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _open[client] = end;
        try
        {
            // At once: the server may be the one that speaks first.
            var target = new RawTarget(service, backend.Port, null, entry.Client.Address);
            await raw.Carry(target, loops[client.Loop.Index], () => client, () => IsDenied(listener, entry), _ended.Token);
        }
        catch (Exception e) when (e is ChannelException or OperationCanceledException)
        {
            client.Dispose();
        }
        finally
        {
            _open.TryRemove(client, out _);
            end.SetResult();
        }
    }

    /// <summary>Waits for what is open, and breaks off the rest.</summary>
    public async Task Drain(TimeSpan patience)
    {
        await Task.WhenAny(Task.WhenAll(_open.Values.Select(end => end.Task)), Task.Delay(patience));
        await _ended.CancelAsync();
        foreach (Channel client in _open.Keys)
            client.Loop.Post(static state => ((Channel)state!).Abort(new ChannelFailure(FailureKind.Local, "the gateway is stopping")), client);
        await Task.WhenAll(_open.Values.Select(end => end.Task));
    }

    /// <inheritdoc/>
    public void Dispose() => _ended.Dispose();

    /// <summary>Whether the policies refuse it, by what of them connections can be judged by: each Gateway that has the listener has to agree.</summary>
    private bool IsDenied(StreamListener listener, Entry.Listener entry)
    {
        HttpPolicyScope scope = RequestGuard.ScopeOf(pod, entry);
        ConnectionFacts connection = RequestGuard.ConnectionOf(pod.Workload, entry);
        foreach (GatewayName gateway in (GatewayName[])[listener.Gateway, .. listener.SharedWith])
        {
            if (mesh.PoliciesFor(scope with { Gateway = gateway }).AuthorizeConnection(connection) is not null)
                return true;
        }

        return false;
    }
}
