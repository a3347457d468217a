using Microsoft.Extensions.Logging;
using Ztunnel.Resources;

namespace Ztunnel.Kubernetes;

/// <summary>
/// Follows the Secrets that Gateways need, each by its name, so that the right to read these is enough and what others hold never comes
/// here. Other collections tell through it: a Gateway that names a Secret anew is told of when that is known, so that no listener loses
/// one certificate before it has the next. Each has a watch of its own, and nothing says how many there are: what they ask for waits at a
/// rate of their own, and nothing else behind it.
/// </summary>
/// <param name="client">A client of the server they are on.</param>
/// <param name="options">Whose they are, and how they are watched.</param>
/// <param name="tell">Where everything is told.</param>
/// <param name="logger">Where what cannot be read is logged.</param>
/// <param name="stop">Ends all of it.</param>
internal sealed class SecretFollowers(ApiClient client, KubernetesSourceOptions options, Func<ResourceEvent, ValueTask> tell, ILogger logger, CancellationToken stop)
    : IDisposable
{
    // What cannot be had holds up for no longer what else its Gateway says.
    private static readonly TimeSpan LongestHold = TimeSpan.FromSeconds(5);

    private readonly ApiClient _client = client.Apart();
    private readonly SemaphoreSlim _turn = new(1);
    private readonly SecretNeeds _needs = new();
    private readonly Dictionary<ObjectKey, (GatewayObject Gateway, IReadOnlyList<SecretName> Needs)> _gateways = [];
    private readonly Dictionary<SecretName, Followed> _followed = [];
    private readonly TaskCompletionSource _broken = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private bool _holds;

    // Whether a Gateway is held now: until it is told nothing is taken back, which it may need as it was told last.
    private bool _holding;

    // When the first was held of those that came one upon another, and when the last was told: they share one wait.
    private long _began;
    private long? _told;

    /// <summary>Waits until cancelled, and for all that are followed to end. Throws what breaks one of them down.</summary>
    public async Task Run()
    {
        try
        {
            await _broken.Task.WaitAsync(stop);
        }
        finally
        {
            await _turn.WaitAsync(CancellationToken.None);
            foreach (Followed followed in _followed.Values)
                await followed.End.CancelAsync();
            await Task.WhenAll(_followed.Values.Select(followed => followed.Running)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>
    /// Tells of a change in another collection, and follows what is needed by it. Only a Gateway is ever held, and nothing waits behind it
    /// but what its own collection tells next.
    /// </summary>
    public async ValueTask Tell(ResourceEvent told)
    {
        if (KeyOf(told) is not { } key || !Concerns(key))
        {
            await tell(told);
            return;
        }

        Task[] coming;
        await _turn.WaitAsync(stop);
        try
        {
            bool changes = told is ResourceEvent.Put put ? Put(put.Object) : Remove(key);
            coming = changes ? [.. Needed().Distinct().Where(name => !_followed.ContainsKey(name)).ToArray().Select(name => Coming(Follow(name)))] : [];
            if (!_holds || coming.Length == 0 || told is not ResourceEvent.Put { Object: GatewayObject })
            {
                await TellNow(told, changes);
                return;
            }

            _holding = true;
        }
        finally
        {
            _turn.Release();
        }

        await Hold(coming);
        await _turn.WaitAsync(stop);
        try
        {
            _holding = false;
            await TellNow(told, changes: true);
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>Waits for those that are needed by what was there at the start; from now on what names others is held until these are known.</summary>
    public async Task Settle()
    {
        await _turn.WaitAsync(stop);
        _holds = true;
        Task[] settled = [.. _followed.Values.Select(followed => followed.Follower.Settled)];
        _turn.Release();
        await Task.WhenAll(settled);
    }

    public void Dispose()
    {
        _turn.Dispose();
        _client.Dispose();
    }

    private async ValueTask TellNow(ResourceEvent told, bool changes)
    {
        await tell(told);
        if (!changes || _holding)
            return;
        foreach (SecretName name in _followed.Keys.Except(Needed()).ToArray())
            await Leave(name);
    }

    /// <summary>
    /// Waits for Secrets, so long at most as is left of the wait that all share who come one upon another: what cannot be had is not waited
    /// for once for each.
    /// </summary>
    private async Task Hold(Task[] coming)
    {
        if (_told is not { } told || client.Time.GetElapsedTime(told) >= LongestHold)
            _began = client.Time.GetTimestamp();
        TimeSpan left = LongestHold - client.Time.GetElapsedTime(_began);
        using var over = CancellationTokenSource.CreateLinkedTokenSource(stop);
        if (left > TimeSpan.Zero)
            await Task.WhenAny(Task.WhenAll(coming), Task.Delay(left, client.Time, over.Token));
        await over.CancelAsync();
        _told = client.Time.GetTimestamp();
    }

    /// <summary>
    /// What a Gateway waits for. A gateway's right to a Secret follows a moment after the Gateway that names it; whoever has the right to
    /// all, and is refused one, is refused it for good.
    /// </summary>
    private Task Coming(ObjectFollower follower) => options.Role == MeshRole.Gateway ? follower.Known : follower.Settled;

    private static ObjectKey? KeyOf(ResourceEvent told) => told switch
    {
        ResourceEvent.Put put => put.Object.Key,
        ResourceEvent.Remove gone => gone.Key,
        _ => null,
    };

    private bool Concerns(ObjectKey key) =>
        key.Kind == ObjectKind.Gateway
            ? options.Role != MeshRole.Node && (options.Gateway is not { } own || key.Namespace == own.Namespace)
            : key.Kind == ObjectKind.ReferenceGrant || (key.Kind == ObjectKind.DestinationRule && options.Role == MeshRole.Gateway);

    /// <summary>Takes an object. Returns whether other Secrets may be needed by it.</summary>
    private bool Put(KubernetesObject @object)
    {
        if (@object is not GatewayObject gateway)
            return _needs.Put(@object) && Reconsider();
        IReadOnlyList<SecretName> needs = _needs.Of(gateway);
        bool same = _gateways.TryGetValue(gateway.Key, out (GatewayObject Gateway, IReadOnlyList<SecretName> Needs) before)
            && before.Gateway.IsRunByOthers == gateway.IsRunByOthers && before.Needs.SequenceEqual(needs);
        _gateways[gateway.Key] = (gateway, needs);
        return !same;
    }

    private bool Remove(ObjectKey key) => key.Kind == ObjectKind.Gateway ? _gateways.Remove(key) : _needs.Remove(key) && Reconsider();

    /// <summary>
    /// A gateway that was made for a Gateway serves that one. One that is run by hand may serve any of its namespace that says where it
    /// is, whatever they are called.
    /// </summary>
    private IEnumerable<SecretName> Needed()
    {
        bool IsOwn(GatewayObject gateway) => gateway.Metadata.Name == options.Gateway?.Name;
        bool made = _gateways.Values.Any(each => IsOwn(each.Gateway) && !each.Gateway.IsRunByOthers);
        return _gateways.Values
            .Where(each => options.Gateway is null || IsOwn(each.Gateway) || (!made && each.Gateway.IsRunByOthers))
            .SelectMany(each => each.Needs);
    }

    private bool Reconsider()
    {
        foreach ((ObjectKey key, (GatewayObject gateway, _)) in _gateways.ToArray())
            _gateways[key] = (gateway, _needs.Of(gateway));
        return true;
    }

    private ObjectFollower Follow(SecretName name)
    {
        ApiPath path = ApiResource.Secrets.In(name.Namespace).With("fieldSelector", $"metadata.name={name.Name}");
        var follower = new ObjectFollower(new ResourceWatch(_client, path, options.Watching), ObjectKind.Secret, ReportOf(name), tell, logger);
        var end = CancellationTokenSource.CreateLinkedTokenSource(stop);
        _followed.Add(name, new Followed(follower, end, Task.Run(() => Serve(follower, end.Token), CancellationToken.None)));
        return follower;
    }

    private async Task Serve(ObjectFollower follower, CancellationToken cancellationToken)
    {
        try
        {
            await follower.Run(cancellationToken);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // Nobody needs it any more.
        }
        catch (Exception fault)
        {
            _broken.TrySetException(fault);
        }
    }

    private async Task Leave(SecretName name)
    {
        _followed.Remove(name, out Followed? followed);
        await followed!.End.CancelAsync();
        await followed.Running;
        followed.End.Dispose();
        await tell(new ResourceEvent.Remove(new ObjectKey(ObjectKind.Secret, name.Namespace, name.Name)));
        await tell(new ResourceEvent.Report(new SourceReport { Name = ReportOf(name), Exists = false }));
    }

    private static string ReportOf(SecretName name) => $"kubernetes/secrets/{name}";

    /// <summary>A Secret that is followed.</summary>
    private sealed record Followed(ObjectFollower Follower, CancellationTokenSource End, Task Running);
}
