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

    /// <summary>Those that need the roots and are there, and who goes by them.</summary>
    public IReadOnlyDictionary<string, RootNeed> Current()
    {
        lock (_gate)
        {
            var served = _gateways.Where(gateway => gatewayClasses.Contains(gateway.Value)).Select(gateway => gateway.Key.Namespace).ToHashSet(StringComparer.Ordinal);
            return _ambient
                .Select(known => (Namespace: known.Key, Need: NeedOf(known.Key, known.Value, served)))
                .Where(known => known.Need != RootNeed.None)
                .ToDictionary(known => known.Namespace, known => known.Need, StringComparer.Ordinal);
        }
    }

    private RootNeed NeedOf(string ns, bool ambient, HashSet<string> served) =>
        string.Equals(ns, systemNamespace, StringComparison.Ordinal) ? RootNeed.System
        : served.Contains(ns) ? RootNeed.Gateways
        : ambient ? RootNeed.Ambient
        : RootNeed.None;
}

/// <summary>Who goes by the roots in a namespace, the more the later.</summary>
internal enum RootNeed
{
    /// <summary>Nobody.</summary>
    None,

    /// <summary>Nobody of ours, but its pods are in the mesh.</summary>
    Ambient,

    /// <summary>Gateways that whoever owns the namespace has made.</summary>
    Gateways,

    /// <summary>The nodes' agents.</summary>
    System,
}
