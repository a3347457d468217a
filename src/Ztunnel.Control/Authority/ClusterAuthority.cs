using System.Net;
using System.Runtime.CompilerServices;
using Microsoft.Extensions.Logging;
using Ztunnel.Identity;
using Ztunnel.IO;
using Ztunnel.Kubernetes;
using Ztunnel.Resources;

namespace Ztunnel.Control;

/// <summary>
/// The certificate authority of a cluster, as one replica of the controller runs it: it serves Istio's certificate service on its port
/// as soon as there is a key, and while it leads it keeps the key and the roots. It is told of the objects that whoever follows them
/// takes from <see cref="Observing"/>.
/// </summary>
public sealed partial class ClusterAuthority : IAsyncDisposable
{
    private readonly ClusterAuthorityOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly CancellationTokenSource _stopping = new();
    private readonly NodePods _pods = new();
    private readonly TrustNamespaces _namespaces;
    private readonly SigningState _signing = new();
    private readonly ApiClient _reviewing;
    private readonly ServerCertificate _certificate;
    private readonly CertificateServer _server;
    private readonly AuthorityFollower _follower;
    private readonly AuthorityKeeper _keeper;
    private readonly RootSpreader _spreader;
    private readonly Signal _changed = new();
    private readonly Signal _kept = new();
    private readonly TaskCompletionSource _serving = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Task _following = Task.CompletedTask;

    /// <summary>Makes the authority; nothing runs yet.</summary>
    /// <param name="api">The API server; the caller's to dispose.</param>
    /// <param name="options">How.</param>
    /// <param name="loggers">For its parts.</param>
    /// <param name="events">Where a wrong <c>cacerts</c>, or a ConfigMap without the roots, is told to its owner; null for nowhere.</param>
    /// <param name="time">The clock.</param>
    public ClusterAuthority(
        ApiClient api, ClusterAuthorityOptions options, ILoggerFactory loggers, EventRecorder? events = null, TimeProvider? time = null)
    {
        ArgumentNullException.ThrowIfNull(api);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(loggers);
        _options = options;
        _time = time ?? TimeProvider.System;
        _logger = loggers.CreateLogger<ClusterAuthority>();
        _namespaces = new TrustNamespaces(options.SystemNamespace, options.GatewayClasses.ToHashSet(StringComparer.Ordinal));
        _namespaces.Changed += (_, _) => _changed.Set();
        // Anybody may cause reviews: they are to take nothing of the rate of what the replica writes, the Lease among it.
        _reviewing = new ApiClient(api.Access, options.Reviewing, logger: _logger);
        var callers = new TokenAuthenticator(new TokenReviewer(_reviewing, options.Audience, _logger), options.Audience, _time, options.Reviews);
        var rules = new IdentityRules(options.TrustDomain, options.NodeAccounts.ToHashSet(StringComparer.Ordinal), _pods);
        var gate = new ClientGate(_pods, options.Clients, _time, _logger);
        var service = new CertificateService(callers, gate, rules, _signing, options, _time, _logger);
        _certificate = new ServerCertificate(_signing, [.. options.Services.Select(name => $"{name}.{options.SystemNamespace}.svc")], _time);
        _server = new CertificateServer(
            options.Listen, new UnaryEndpoint(CertificateService.Path, service.Answer, gate, _time, _logger), gate, _certificate, loggers);
        _spreader = new RootSpreader(api, _namespaces, events, _logger);
        _follower = new AuthorityFollower(api, options, _signing, _time, _logger);
        _keeper = new AuthorityKeeper(api, options, _spreader, () => _follower.Seen, events, _time, _logger);
    }

    /// <summary>Until when what signs is valid, and what is wrong.</summary>
    public AuthorityStatus Status => new(_signing.SignsUntil, _keeper.Fault ?? _follower.Fault);

    /// <summary>Done when this replica has a key and listens; fails with <see cref="IOException"/> where its port is taken.</summary>
    public Task Serving => _serving.Task;

    /// <summary>Where it listens, once it serves.</summary>
    public IPEndPoint Address => _server.Address;

    /// <summary>
    /// The same objects as of <paramref name="source"/>; as they pass, this learns of them. They must be all pods, in full: a pod's
    /// annotations are its owner's to write and say nothing of its service account.
    /// </summary>
    public IResourceSource Observing(IResourceSource source)
    {
        ArgumentNullException.ThrowIfNull(source);
        return new Passing(this, source);
    }

    /// <summary>Tells of an object: pods, namespaces and Gateways count. From one thread at a time.</summary>
    internal void Observe(ResourceEvent change)
    {
        _pods.Apply(change);
        _namespaces.Apply(change);
    }

    /// <summary>Begins to follow the key and, once there is one, to serve; returns at once.</summary>
    public void Start() => _following = Follow(_stopping.Token);

    /// <summary>Leads until cancelled: keeps the Secret with the key and the roots in all namespaces. To be run by one replica.</summary>
    public async Task Lead(CancellationToken cancellationToken)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _stopping.Token);
        Task spreading = _spreader.Follow(_changed.Set, either.Token);
        try
        {
            while (!either.IsCancellationRequested)
            {
                await _keeper.Look(either.Token);
                _kept.Set();
                // Whoever may write a ConfigMap, a Namespace or a Gateway raises changes as fast as they like.
                await Task.Delay(_options.LeastInterval, _time, either.Token);
                await _changed.Wait(_options.LookInterval, _time, either.Token);
            }
        }
        catch (OperationCanceledException) when (either.IsCancellationRequested)
        {
            // Another leads, or nobody any more.
        }
        finally
        {
            await either.CancelAsync();
            await spreading.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            _spreader.Rest();
        }
    }

    /// <summary>Stops serving and forgets the key.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await _following.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await _server.DisposeAsync();
        _certificate.Dispose();
        _reviewing.Dispose();
        _signing.Dispose();
        _stopping.Dispose();
    }

    private async Task Follow(CancellationToken stop)
    {
        try
        {
            while (!stop.IsCancellationRequested)
            {
                await _follower.Look(stop);
                if (_signing.Ready && !_serving.Task.IsCompleted)
                {
                    await _server.Start(stop);
                    LogServing(_server.Address);
                    _serving.TrySetResult();
                }

                await _kept.Wait(_options.LookInterval, _time, stop);
            }
        }
        catch (Exception e)
        {
            if (stop.IsCancellationRequested)
                _serving.TrySetCanceled(stop);
            else
                _serving.TrySetException(e);
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "certificates are signed at {Address}")]
    private partial void LogServing(IPEndPoint address);

    private sealed class Passing(ClusterAuthority authority, IResourceSource source) : IResourceSource
    {
        public async IAsyncEnumerable<ResourceEvent> Watch([EnumeratorCancellation] CancellationToken cancellationToken)
        {
            await foreach (ResourceEvent told in source.Watch(cancellationToken))
            {
                authority.Observe(told);
                yield return told;
            }
        }
    }
}
