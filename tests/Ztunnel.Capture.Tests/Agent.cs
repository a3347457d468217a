using System.Net;
using Microsoft.Extensions.Logging.Abstractions;
using Ztunnel.IO;
using Ztunnel.Mesh;

namespace Ztunnel.Capture.Tests;

/// <summary>An enroller for node <c>node</c> over a model and pods that a test changes; a pod is a bare namespace with addresses on loopback.</summary>
internal sealed class Agent : IAsyncDisposable
{
    private readonly List<NetworkNamespace> _namespaces = [];
    private readonly EventLoop _loop = EventLoop.Start(0);

    public Agent(Func<CaptureOptions, CaptureOptions>? configure = null)
    {
        CaptureOptions options = new()
        {
            Node = "node",
            NamespaceDirectory = Directory,
            FirstRetry = TimeSpan.FromMilliseconds(20),
            NamespaceRetry = TimeSpan.FromMilliseconds(200),
            LastRetry = TimeSpan.FromMilliseconds(500),
            SweepInterval = TimeSpan.FromMilliseconds(500),
        };
        Options = configure?.Invoke(options) ?? options;
        Enroller = Begin();
    }

    public string Directory { get; } = System.IO.Directory.CreateTempSubdirectory("capture-tests-").FullName;

    public CaptureOptions Options { get; }

    public MeshState Mesh { get; } = new();

    public Proxies Proxies { get; } = new();

    public PodEnroller Enroller { get; private set; }

    /// <summary>A namespace with addresses, under a name in the agent's directory.</summary>
    public async Task<NetworkNamespace> MakeNamespace(string name, params string[] addresses)
    {
        NetworkNamespace ns = NetworkNamespace.Create();
        _namespaces.Add(ns);
        await Hold(ns, addresses);
        Link(name, ns);
        return ns;
    }

    public static async Task Hold(NetworkNamespace ns, params string[] addresses)
    {
        string batch = string.Concat(addresses.Select(address => $"addr add {address}/{(address.Contains(':', StringComparison.Ordinal) ? 128 : 32)} dev lo\n"));
        ProcessResult result = await ns.RunProcess("ip", ["-batch", "-"], batch);
        Assert.True(result.ExitCode == 0, result.Error);
    }

    public void Link(string name, NetworkNamespace ns)
    {
        string link = Path.Combine(Directory, name);
        File.Delete(link);
        File.CreateSymbolicLink(link, ns.Path);
    }

    public static Workload Workload(string name, params string[] addresses) => new()
    {
        Uid = $"uid-{name}",
        Name = name,
        Namespace = "default",
        ServiceAccount = "default",
        Identity = SpiffeId.Parse("spiffe://cluster.local/ns/default/sa/default"),
        Addresses = [.. addresses.Select(IPAddress.Parse)],
        Node = "node",
        Enrolment = Enrolment.Ambient,
        NetworkNamespace = name,
    };

    /// <summary>Puts a pod into the model, with its namespace, and waits until it is enrolled.</summary>
    public async Task<(Workload Pod, NetworkNamespace Namespace)> Enrol(string name, string address = "10.0.0.1")
    {
        NetworkNamespace ns = await MakeNamespace(name, address);
        Workload pod = Workload(name, address);
        Mesh.Put(pod);
        await Until(name, status => status?.State is EnrolmentState.Enrolled);
        return (pod, ns);
    }

    public PodStatus? Status(string name) => Enroller.Snapshot().FirstOrDefault(status => status.Workload.Name == name);

    public Task<PodStatus?> Until(string name, Func<PodStatus?, bool> met) =>
        Until(() => met(Status(name)), () => Status(name), $"pod {name}: {{0}}");

    public async Task<EnrolmentState.Failed> UntilFailed(string name) =>
        (EnrolmentState.Failed)(await Until(name, status => status?.State is EnrolmentState.Failed))!.State;

    public Task UntilGone(string name) => Until(name, status => status is null);

    /// <summary>Waits for a condition; says how things stand when it does not come true.</summary>
    public static async Task<T> Until<T>(Func<bool> met, Func<T> look, string complaint, TimeSpan? patience = null)
    {
        long start = TimeProvider.System.GetTimestamp();
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(5));
        while (!met())
        {
            Assert.True(TimeProvider.System.GetElapsedTime(start) < (patience ?? World.Patience), string.Format(null, complaint, look()));
            await timer.WaitForNextTickAsync();
        }

        return look();
    }

    /// <summary>Ends the enroller as a stopped agent does and begins another.</summary>
    public async Task Restart()
    {
        await Enroller.DisposeAsync();
        Enroller = Begin();
    }

    public static async Task<string> Rules(NetworkNamespace ns) => (await ns.RunProcess("nft", ["--stateless", "list", "ruleset"])).Output;

    public async ValueTask DisposeAsync()
    {
        await Enroller.DisposeAsync();
        _loop.Dispose();
        foreach (NetworkNamespace ns in _namespaces)
            ns.Dispose();
        System.IO.Directory.Delete(Directory, recursive: true);
    }

    private PodEnroller Begin()
    {
        var enroller = new PodEnroller(Options, Proxies, _loop, NullLogger<PodEnroller>.Instance);
        enroller.Follow(Mesh);
        return enroller;
    }
}
