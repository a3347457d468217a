using Ztunnel.Capture;
using Ztunnel.IO;
using Ztunnel.Mesh;
using Ztunnel.Proxy;

namespace Ztunnel;

/// <summary>Lets capture open and drain the proxy's listeners of a pod.</summary>
internal sealed class PodListeners(NodeProxy proxy, TimeSpan drainTime) : IPodListeners
{
    public ValueTask<IPodSession> Start(Workload workload, NetworkNamespace networkNamespace, CancellationToken cancellationToken) =>
        ValueTask.FromResult<IPodSession>(new Session(proxy, proxy.Admit(workload, networkNamespace), drainTime));

    private sealed class Session(NodeProxy proxy, PodProxy pod, TimeSpan drainTime) : IPodSession
    {
        public Task Drain() => proxy.Release(pod, drainTime);
    }
}
