using System.Net;
using Microsoft.Extensions.Logging.Abstractions;
using Ztunnel.Mesh;

namespace Ztunnel.Diagnostics.Tests;

/// <summary>A running diagnostics server on ports of the kernel's choice, with a client for each of its two faces.</summary>
internal sealed class Node : IAsyncDisposable
{
    private readonly DiagnosticsServer _server;

    private Node(DiagnosticsServer server, Readiness readiness)
    {
        _server = server;
        Readiness = readiness;
        Admin = new HttpClient { BaseAddress = new Uri($"http://{server.AdminAddresses[0]}") };
        Probe = new HttpClient { BaseAddress = new Uri($"http://{server.ReadinessAddresses[0]}") };
    }

    public Readiness Readiness { get; }

    public HttpClient Admin { get; }

    public HttpClient Probe { get; }

    public static Task<Node> Start(MeshState? mesh = null) => Start(new NodeSnapshots { Node = "node-a", Mesh = mesh ?? new MeshState() });

    public static async Task<Node> Start(NodeSnapshots snapshots, DiagnosticsOptions? options = null)
    {
        var readiness = new Readiness();
        var server = new DiagnosticsServer(snapshots, readiness, options ?? OnLoopback, NullLoggerFactory.Instance);
        await server.Start(TestContext.Current.CancellationToken);
        return new Node(server, readiness);
    }

    public static DiagnosticsOptions OnLoopback { get; } = new()
    {
        Admin = [new IPEndPoint(IPAddress.Loopback, 0)],
        Readiness = [new IPEndPoint(IPAddress.Loopback, 0)],
    };

    public async ValueTask DisposeAsync()
    {
        Admin.Dispose();
        Probe.Dispose();
        await _server.DisposeAsync();
    }
}
