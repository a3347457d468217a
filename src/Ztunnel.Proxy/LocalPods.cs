using System.Collections.Concurrent;
using System.Net;
using Ztunnel.Mesh;

namespace Ztunnel.Proxy;

/// <summary>The pods of this node that accept connections now, by uid: those that need no tunnel from each other. Safe from any thread.</summary>
internal sealed class LocalPods
{
    private readonly ConcurrentDictionary<string, PodProxy> _byUid = new(StringComparer.Ordinal);

    /// <summary>A pod accepts connections from now on, instead of one of the same uid admitted before.</summary>
    public void Add(PodProxy pod) => _byUid[pod.Workload.Uid] = pod;

    /// <summary>A pod accepts no more.</summary>
    public void Remove(PodProxy pod) => _byUid.TryRemove(KeyValuePair.Create(pod.Workload.Uid, pod));

    /// <summary>
    /// The pod and its application's address if <paramref name="route"/> leads straight to a pod that accepts connections here
    /// under the identity the route expects; null otherwise.
    /// </summary>
    public (PodProxy Pod, IPEndPoint Application)? Find(Route.Tunnel route) =>
        _byUid.TryGetValue(route.Destination.Uid, out PodProxy? pod)
        && Authority.TryParseAddress(route.Authority, out IPEndPoint? application)
        && application.Address.Equals(route.NextHop.Address)
        && pod.Owns(application.Address)
        && !pod.IsOwnListener(application)
        && route.ExpectedIdentity == pod.Identity
            ? (pod, application)
            : null;
}
