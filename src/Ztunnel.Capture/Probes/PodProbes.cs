using System.Net;
using Microsoft.Extensions.Logging;
using Ztunnel.IO;
using Ztunnel.Mesh;

namespace Ztunnel.Capture;

/// <summary>Lets the node's probes through to enrolled pods, in the way that was chosen, and tries for each pod whether they get there.</summary>
internal sealed class PodProbes : IAsyncDisposable
{
    private readonly CaptureOptions _options;
    private readonly NetworkNamespace _node;
    private readonly NodeFirewall? _firewall;
    private readonly EventLoop _loop;
    private readonly TimeProvider _time;

    public PodProbes(CaptureOptions options, EventLoop loop, Gate gate, TimeProvider time, ILogger logger)
    {
        _options = options;
        _loop = loop;
        _time = time;
        _node = options.NodeNamespace ?? NetworkNamespace.OpenCurrent();
        if (options.Probes == ProbePath.LinkLocal)
            _firewall = new NodeFirewall(_node, options, loop, gate, time, logger);
    }

    /// <summary>Begins to let probes through to a pod, or follows its addresses.</summary>
    public void Put(Workload pod) => _firewall?.Put(pod);

    /// <summary>Ends it.</summary>
    public void Remove(Workload pod) => _firewall?.Remove(pod.Uid);

    /// <summary>All pods that an earlier agent had and that are still to be enrolled were put.</summary>
    public void Complete() => _firewall?.Complete();

    /// <summary>Takes what is on the node away, for good.</summary>
    public Task RemoveAll(CancellationToken cancellationToken) => _firewall?.RemoveAll(cancellationToken) ?? Task.CompletedTask;

    /// <summary>
    /// Connects from the node to each address of the pod, to a listener made in the pod for this, and looks where the connection
    /// seems to come from in there. Never throws for what it finds.
    /// </summary>
    public async Task<ProbeStatus> Check(Workload pod, NetworkNamespace inside, CancellationToken stopping)
    {
        try
        {
            if (_firewall is not null)
                await _firewall.Applied(stopping);
            var seen = new List<string>();
            foreach (IPAddress address in pod.Addresses)
            {
                IPAddress source = await _loop.RunAsync(() => ProbeConnection.Try(_loop, _node, inside, address, _options.ProbePatience));
                if (!IsExpected(source))
                    return Status(works: false, $"a connection from the node to {address} arrives from {source}, {Expectation}");
                seen.Add($"{address} from {source}");
            }

            return Status(works: true, $"seen at {string.Join(", ", seen)}");
        }
        catch (Exception failure) when (failure is ChannelException or EnrolmentException or NetworkNamespaceException or IOException or ObjectDisposedException)
        {
            return Status(works: false, failure.Message);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_firewall is not null)
            await _firewall.DisposeAsync();
        if (_options.NodeNamespace is null)
            _node.Dispose();
    }

    private string Expectation => _firewall is not null
        ? $"not from {ProbeSource.IPv4} or {ProbeSource.IPv6}: something else on the node translates it first, or the agent does not run as root"
        : "which is no address of the node: something translates it on the way";

    private bool IsExpected(IPAddress source) => _firewall is not null
        ? source.Equals(ProbeSource.IPv4) || source.Equals(ProbeSource.IPv6)
        : _node.Addresses().Contains(source);

    private ProbeStatus Status(bool works, string detail) => new(works, detail, _time.GetUtcNow());
}
