using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Ztunnel.Kubernetes;
using Ztunnel.Mesh;
using Ztunnel.Resources;

namespace Ztunnel.Control;

/// <summary>
/// The part of the mesh that writes to the API server: what is made for Gateways, GatewayClasses, and statuses. Every replica
/// follows what there is (<see cref="Follow"/>); only the one that leads writes (<see cref="Lead"/>).
/// </summary>
public sealed class MeshController
{
    private readonly ControllerOptions _options;
    private readonly TimeProvider _time;
    private readonly KnownObjects _objects;
    private readonly Translator _translator;
    private readonly GatewayReconciler _gateways;
    private readonly GatewayClassKeeper _classes;
    private readonly StatusWriter _statuses;

    /// <summary>Puts one together; it does nothing yet.</summary>
    /// <param name="client">The API server.</param>
    /// <param name="source">Where objects and the statuses they have are told; read by <see cref="Follow"/>.</param>
    /// <param name="options">What it makes.</param>
    /// <param name="events">Where what keeps Gateways from being made is told to their owners; null for nowhere.</param>
    /// <param name="time">The clock.</param>
    /// <param name="loggers">Where it logs.</param>
    public MeshController(
        ApiClient client, IResourceSource source, ControllerOptions options, EventRecorder? events = null, TimeProvider? time = null, ILoggerFactory? loggers = null)
    {
        ArgumentNullException.ThrowIfNull(client);
        ArgumentNullException.ThrowIfNull(source);
        ArgumentNullException.ThrowIfNull(options);
        _options = options;
        _time = time ??= TimeProvider.System;
        loggers ??= NullLoggerFactory.Instance;
        ILogger logger = loggers.CreateLogger<MeshController>();
        var served = new ServedStatuses(source);
        _objects = new KnownObjects(served);
        _translator = new Translator(Mesh, options.Translation, loggers.CreateLogger<Translator>());
        _gateways = new GatewayReconciler(client, _objects, options.Provisioning, time, logger);
        _classes = new GatewayClassKeeper(client, _objects, time, logger);
        var board = new StatusBoard(_objects, Inventory, Mesh, options.Translation, options.Provisioning.Revision) { FaultOf = _gateways.FaultOf };
        _statuses = new StatusWriter(client, board, _objects, served, time, logger);
        Inventory.StatusChanged += (_, changed) => _statuses.Due(changed.Key);
        _gateways.FaultChanged += gateway => _statuses.Due(new ObjectKey(ObjectKind.Gateway, gateway.Namespace, gateway.Name));
        if (events is not null)
            _gateways.Failed += (gateway, reason, message) => events.Warning(ObjectReference.To(gateway), reason, "Provision", message);
    }

    /// <summary>The mesh as it is known.</summary>
    public MeshState Mesh { get; } = new();

    /// <summary>What objects there are, and what is wrong with them.</summary>
    public ResourceInventory Inventory => _translator.Inventory;

    /// <summary>Completes when everything that was there at the start is known, so that it can lead at once.</summary>
    public Task Synced => Task.WhenAll(_translator.Synced, _gateways.Synced);

    /// <summary>Follows what there is until cancelled. Throws what breaks it down.</summary>
    public async Task Follow(CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task[] parts = [_translator.Run(_objects, stop.Token), _gateways.Watch(stop.Token)];
        // None of them ends by itself: one that does takes the others along.
        await Task.WhenAny(parts);
        await stop.CancelAsync();
        await Task.WhenAll(parts);
    }

    /// <summary>Writes what is to be written, for as long as it leads. Returns when nothing of it is under way any more.</summary>
    public async Task Lead(CancellationToken cancellationToken)
    {
        await Synced.WaitAsync(cancellationToken);
        Task making = Task.WhenAll(_gateways.Write(cancellationToken), _classes.Write(cancellationToken));
        await Task.WhenAny(_gateways.FirstLook, Task.Delay(_options.FirstLook, _time, cancellationToken));
        await Task.WhenAll(making, _statuses.Write(cancellationToken));
    }
}
