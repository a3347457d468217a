using Microsoft.Extensions.Logging;
using Ztunnel.Control;
using Ztunnel.Diagnostics;
using Ztunnel.Kubernetes;
using Ztunnel.Resources;

namespace Ztunnel;

/// <summary>
/// One replica of the controller, put together: objects into the model, the contest for the Lease, what the leader does, the
/// certificate authority, its diagnostics. It is ready once it knows everything, whether it leads or not, and until then says what it
/// waits for.
/// </summary>
public sealed partial class ControllerAgent : IAsyncDisposable
{
    private readonly ILogger _logger;
    private readonly Readiness _readiness = new();
    private readonly CancellationTokenSource _resigning = new();
    private readonly EventRecorder _events;
    private readonly ApiClient _leasing;
    private readonly ClusterAuthority? _authority;
    private readonly ResourceFollower _follower;
    private readonly MeshController _controller;
    private readonly LeaderElection _election;
    private readonly DiagnosticsServer? _diagnostics;
    private Task _contending = Task.CompletedTask;

    private ControllerAgent(ControllerAgentOptions options, ApiClient client, ILoggerFactory loggers)
    {
        IResourceSource source = new KubernetesSource(client, new KubernetesSourceOptions { Role = MeshRole.Controller }, loggers.CreateLogger<KubernetesSource>());
        _logger = loggers.CreateLogger<ControllerAgent>();
        _events = new EventRecorder(client, "ztunnel.io/controller", options.Election.Identity, loggers.CreateLogger<EventRecorder>());
        if (options.Authority is { } signing)
            _authority = new ClusterAuthority(client, signing, loggers, _events);
        _follower = new ResourceFollower(_readiness, _logger);
        _controller = new MeshController(client, _follower.Observing(_authority?.Observing(source) ?? source), options.Controller, _events, loggers: loggers);
        // Whatever else there is to be read and written, the Lease is renewed in time.
        _leasing = client.Apart();
        _election = new LeaderElection(_leasing, options.Election, loggers.CreateLogger<LeaderElection>());
        if (options.Diagnostics is { } diagnostics)
        {
            var snapshots = new NodeSnapshots { Node = options.Election.Identity, Mesh = _controller.Mesh, Resources = _controller.Inventory };
            _diagnostics = new DiagnosticsServer(snapshots, _readiness, diagnostics, loggers);
        }
    }

    /// <summary>
    /// Starts a replica and returns when it knows everything there is, contends for the Lease and signs, if it is to. Throws
    /// <see cref="IOException"/> when an address cannot be listened on.
    /// </summary>
    public static async Task<ControllerAgent> Start(ControllerAgentOptions options, ApiClient client, ILoggerFactory loggers, CancellationToken stop)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(loggers);
        var agent = new ControllerAgent(options, client, loggers);
        try
        {
            if (agent._diagnostics is { } diagnostics)
                await diagnostics.Start(stop);
            await agent._follower.Start(agent._controller.Follow, agent._controller.Synced, stop);
            agent._contending = agent._election.Run(agent.Lead, agent._resigning.Token);
            agent._authority?.Start();
            // It takes calls from the moment it is ready: with a key, which the leader may still have to make.
            if (agent._authority is { } authority)
                await Task.WhenAny(authority.Serving, agent.Failed).Unwrap().WaitAsync(stop);
            agent._readiness.State = ReadinessState.Ready;
            agent.LogStarted(options.Election.Identity);
            return agent;
        }
        catch
        {
            await agent.DisposeAsync();
            throw;
        }
    }

    /// <summary>Whether this replica leads.</summary>
    public bool IsLeader => _election.IsLeader;

    /// <summary>Completes when it cannot go on, with why: a process that has lost its model or its contest is better started anew.</summary>
    public Task Failed => Task.WhenAny(_follower.Following, _contending).Unwrap();

    /// <summary>Stops in order: not ready any more, leads no longer, gives the Lease back so that another leads at once.</summary>
    public async Task Drain()
    {
        _readiness.State = ReadinessState.Draining;
        await _resigning.CancelAsync();
        await _contending.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await Drain();
        await _follower.DisposeAsync();
        if (_authority is not null)
            await _authority.DisposeAsync();
        await _events.DisposeAsync();
        if (_diagnostics is not null)
            await _diagnostics.DisposeAsync();
        _leasing.Dispose();
        _resigning.Dispose();
    }

    private Task Lead(CancellationToken leading) =>
        Task.WhenAll(_controller.Lead(leading), _authority?.Lead(leading) ?? Task.CompletedTask);

    [LoggerMessage(Level = LogLevel.Information, Message = "controller {Identity} knows everything there is, and leads when it is elected")]
    private partial void LogStarted(string identity);
}
