using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;
using Ztunnel.Resources;

namespace Ztunnel.Control;

/// <summary>Which pods run where, under which service accounts: what nodes may ask for. One writes, any thread reads.</summary>
internal sealed class NodePods
{
    private readonly Lock _gate = new();
    private readonly Dictionary<ObjectKey, RunningPod> _pods = [];
    private readonly Dictionary<(string Node, string Namespace, string ServiceAccount), int> _counts = [];
    private readonly Dictionary<IPAddress, int> _addresses = [];
    private volatile bool _synced;

    /// <summary>Whether all pods there were at the start are known: before that nothing follows from one being unknown.</summary>
    public bool Synced => _synced;

    /// <summary>Takes in what is told of pods; other objects are left aside.</summary>
    public void Apply(ResourceEvent change)
    {
        switch (change)
        {
            case ResourceEvent.Put { Object: PodObject pod }:
                // A pod that has ended needs no identity any more; one that is ending does.
                Set(pod.Key, pod.Terminated || pod.NodeName.Length == 0 ? null : new RunningPod(pod.Metadata.Uid, pod.NodeName, pod.ServiceAccount)
                {
                    Addresses = [.. pod.Addresses.Where(address => address.AddressFamily == AddressFamily.InterNetworkV6)],
                });
                break;
            case ResourceEvent.Remove { Key: { } key } when key.Kind == ObjectKind.Pod:
                Set(key, null);
                break;
            case ResourceEvent.Synced:
                _synced = true;
                break;
            default:
                break;
        }
    }

    /// <summary>A pod that runs, or null.</summary>
    public RunningPod? Find(string ns, string name)
    {
        lock (_gate)
            return _pods.GetValueOrDefault(new ObjectKey(ObjectKind.Pod, ns, name));
    }

    /// <summary>Whether a pod with this service account runs on a node.</summary>
    public bool Runs(string node, string ns, string serviceAccount)
    {
        lock (_gate)
            return _counts.ContainsKey((node, ns, serviceAccount));
    }

    /// <summary>Whether a pod that runs has this IPv6 address; of pods with their node's network it is the node's.</summary>
    public bool Has(IPAddress address)
    {
        lock (_gate)
            return _addresses.ContainsKey(address);
    }

    private void Set(ObjectKey key, RunningPod? pod)
    {
        lock (_gate)
        {
            if (_pods.Remove(key, out RunningPod? before))
            {
                (string, string, string) place = (before.Node, key.Namespace, before.ServiceAccount);
                if (--_counts[place] == 0)
                    _counts.Remove(place);
                foreach (IPAddress address in before.Addresses)
                {
                    if (--_addresses[address] == 0)
                        _addresses.Remove(address);
                }
            }

            if (pod is null)
                return;
            _pods[key] = pod;
            (string, string, string) now = (pod.Node, key.Namespace, pod.ServiceAccount);
            _counts[now] = _counts.GetValueOrDefault(now) + 1;
            foreach (IPAddress address in pod.Addresses)
                _addresses[address] = _addresses.GetValueOrDefault(address) + 1;
        }
    }
}

/// <summary>A pod that runs.</summary>
/// <param name="Uid">What tells it from others of its name.</param>
/// <param name="Node">Where.</param>
/// <param name="ServiceAccount">Under which account.</param>
internal sealed record RunningPod(string? Uid, string Node, string ServiceAccount)
{
    /// <summary>Its IPv6 addresses.</summary>
    public ImmutableArray<IPAddress> Addresses { get; init; } = [];
}
