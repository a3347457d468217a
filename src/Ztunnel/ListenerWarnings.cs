using Microsoft.Extensions.Logging;
using Ztunnel.Mesh;
using Ztunnel.Resources;

namespace Ztunnel;

/// <summary>
/// Logs what holds listeners of one Gateway up, from now on and once until it changes: a port that never opens looks like a network
/// that lets nothing through.
/// </summary>
internal sealed partial class ListenerWarnings : IDisposable
{
    private static readonly string[] Telling = ["Accepted", "ResolvedRefs", "Programmed"];

    private readonly ResourceInventory _inventory;
    private readonly GatewayName _gateway;
    private readonly ObjectKey _key;
    private readonly ILogger _logger;
    private readonly Lock _lock = new();
    private GatewayApiStatus? _seen;
    private HashSet<(string Listener, StatusCondition Condition)> _told = [];

    public ListenerWarnings(ResourceInventory inventory, GatewayName gateway, ILogger logger)
    {
        _inventory = inventory;
        _gateway = gateway;
        _key = new ObjectKey(ObjectKind.Gateway, gateway.Namespace, gateway.Name);
        _logger = logger;
        inventory.StatusChanged += OnStatusChanged;
        Look();
    }

    /// <inheritdoc/>
    public void Dispose() => _inventory.StatusChanged -= OnStatusChanged;

    private void OnStatusChanged(object? sender, StatusChangedEventArgs e)
    {
        if (e.Key == _key)
            Look();
    }

    private void Look()
    {
        lock (_lock)
        {
            GatewayApiStatus? status = _inventory.StatusOf(_key);
            if (ReferenceEquals(status, _seen))
                return;
            _seen = status;
            HashSet<(string Listener, StatusCondition Condition)> now = [];
            foreach (ListenerStatus listener in status?.Listeners ?? [])
            {
                // The first tells the most: the others follow from it.
                if (Telling.Select(type => listener.Conditions.FirstOrDefault(condition => condition.Type == type)).FirstOrDefault(condition => condition?.Status == false) is { } fault)
                    now.Add((listener.Name, fault));
            }

            foreach ((string listener, StatusCondition fault) in now.Except(_told))
                LogFault(listener, _gateway, fault, fault.Message);
            _told = now;
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "listener {Listener} of Gateway {Gateway}: {Condition}: {Reason}")]
    private partial void LogFault(string listener, GatewayName gateway, StatusCondition condition, string reason);
}
