using Ztunnel.Resources;

namespace Ztunnel.Control;

/// <summary>
/// Which namespaces need the roots: the system's, those in the mesh, and those with Gateways of ours. One writes, any thread reads.
/// </summary>
internal sealed class TrustNamespaces(string systemNamespace, IReadOnlySet<string> gatewayClasses)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, bool> _ambient = new(StringComparer.Ordinal);
    private readonly Dictionary<ObjectKey, string> _gateways = [];
    private volatile bool _synced;

    /// <summary>Raised when it may have become another set, on the thread that told of it.</summary>
    public event EventHandler? Changed;

    /// <summary>Whether all there were at the start are known.</summary>
    public bool Synced => _synced;

    /// <summary>Takes in what is told of namespaces and Gateways; other objects are left aside.</summary>
    public void Apply(ResourceEvent change)
    {
        lock (_gate)
        {
            switch (change)
            {
                // Nothing can be put into a namespace that is being deleted.
                case ResourceEvent.Put { Object: NamespaceObject { Metadata: { Deleting: false } metadata } }:
                    _ambient[metadata.Name] = string.Equals(metadata.Labels[GatewayLabels.DataplaneMode], "ambient", StringComparison.Ordinal);
                    break;
                case ResourceEvent.Put { Object: NamespaceObject ending }:
                    _ambient.Remove(ending.Metadata.Name);
                    break;
                case ResourceEvent.Put { Object: GatewayObject gateway }:
                    _gateways[gateway.Key] = gateway.ClassName;
                    break;
                case ResourceEvent.Remove { Key: { } key } when key.Kind == ObjectKind.Namespace:
                    _ambient.Remove(key.Name);
                    break;
                case ResourceEvent.Remove { Key: { } key } when key.Kind == ObjectKind.Gateway:
                    _gateways.Remove(key);
                    break;
                case ResourceEvent.Synced:
                    _synced = true;
                    break;
                default:
                    return;
            }
        }

        Changed?.Invoke(this, EventArgs.Empty);
    }

    /// <summary>Those that need the roots and are there; true of those whose pods go by the ConfigMap: the system's, and those with Gateways of ours.</summary>
    public IReadOnlyDictionary<string, bool> Current()
    {
        lock (_gate)
        {
            var mounting = _gateways.Where(gateway => gatewayClasses.Contains(gateway.Value)).Select(gateway => gateway.Key.Namespace).ToHashSet(StringComparer.Ordinal);
            mounting.Add(systemNamespace);
            return _ambient
                .Where(known => known.Value || mounting.Contains(known.Key))
                .ToDictionary(known => known.Key, known => mounting.Contains(known.Key), StringComparer.Ordinal);
        }
    }
}
