using System.Diagnostics.CodeAnalysis;
using System.Net;
using Ztunnel.Lab;

namespace Ztunnel.EndToEnd.Tests;

/// <summary>
/// One lab for all tests of the data path that leave it as they found it: two nodes with an agent and a third without.
/// Pods of the namespace <c>default</c> are in the mesh, those of <c>outside</c> are not.
/// </summary>
[SuppressMessage("Performance", "CA1812", Justification = "Made by xunit.")]
public sealed class DataPathLab : IAsyncLifetime
{
    /// <summary>The port of the container named <c>http</c>, which the services lead to.</summary>
    internal const int HttpPort = 8080;

    private MeshLab? _mesh;

    internal MeshLab Mesh => _mesh!;

    internal LabPod Client => Mesh.Pod("client");

    internal LabPod Neighbour => Mesh.Pod("neighbour");

    internal LabPod Server => Mesh.Pod("server");

    /// <summary>A pod behind the services that says it is not ready.</summary>
    internal LabPod Unready => Mesh.Pod("unready");

    /// <summary>A pod outside the mesh, beside the client.</summary>
    internal LabPod Stranger => Mesh.Pod("stranger");

    /// <summary>A pod outside the mesh, beside the server.</summary>
    internal LabPod Bystander => Mesh.Pod("bystander");

    /// <summary>A pod that the manifests call ambient, on a node where no agent is: whoever runs there can pretend to be one.</summary>
    internal LabPod Impostor => Mesh.Pod("impostor");

    /// <summary>Port 80, to the named port of the ready and the unready server.</summary>
    internal static IPAddress[] NamedPortService { get; } = [IPAddress.Parse("10.96.0.10"), IPAddress.Parse("fd00:10:96::10")];

    /// <summary>Port 81, to the same by number.</summary>
    internal static IPAddress[] NumericPortService { get; } = [IPAddress.Parse("10.96.0.11"), IPAddress.Parse("fd00:10:96::11")];

    /// <summary>Port 80, with no pod behind it but one that is not ready.</summary>
    internal static IPAddress HollowService { get; } = IPAddress.Parse("10.96.0.12");

    /// <summary>Port 80, with the client itself behind it.</summary>
    internal static IPAddress OwnService { get; } = IPAddress.Parse("10.96.0.13");

    public async ValueTask InitializeAsync() => _mesh = await MeshLab.Start(
        lab =>
        {
            lab.Node("a").Pod("client").Pod("neighbour").Pod("stranger", "outside");
            lab.Node("b").Pod("server").Pod("unready").Pod("bystander", "outside");
            lab.Node("c").Pod("impostor");
        },
        Manifests,
        nodesWithoutAgent: ["c"]);

    public async ValueTask DisposeAsync()
    {
        if (_mesh is not null)
            await _mesh.DisposeAsync();
    }

    private static string Manifests(LabNetwork network) => Yaml.Join(
    [
        Yaml.Namespace("default", ambient: true),
        Yaml.Namespace("outside", ambient: false),
        .. network.Pods.Select(pod => pod.Name switch
        {
            "server" => Yaml.Pod(pod, "{app: web}", port: HttpPort),
            "unready" => Yaml.Pod(pod, "{app: web, half: dead}", ready: false, port: HttpPort),
            _ => Yaml.Pod(pod),
        }),
        Yaml.Service("named", "default", "{app: web}", 80, "http", Text(NamedPortService)),
        Yaml.Service("numeric", "default", "{app: web}", 81, $"{HttpPort}", Text(NumericPortService)),
        Yaml.Service("hollow", "default", "{half: dead}", 80, "http", HollowService.ToString()),
        Yaml.Service("own", "default", "{app: client}", 80, $"{HttpPort}", OwnService.ToString()),
    ]);

    private static string[] Text(IPAddress[] addresses) => [.. addresses.Select(a => a.ToString())];
}

/// <summary>The tests that share a <see cref="DataPathLab"/>: one at a time, since some of them measure time or watch the wire.</summary>
[CollectionDefinition(nameof(DataPathLab))]
public sealed class DataPathTestGroup : ICollectionFixture<DataPathLab>;
