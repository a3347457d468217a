using System.Text.Json;
using Ztunnel.Lab;

namespace Ztunnel.EndToEnd.Tests;

/// <summary>
/// Two nodes for the tests of policy: a server with a neighbour on one; clients of two namespaces, and a stranger outside the
/// mesh, on the other. The server echoes at <see cref="EchoServer.Port"/>.
/// </summary>
internal sealed class PolicyLab : IAsyncDisposable
{
    private const string File = "policies.yaml";

    private readonly EchoServer _echo;

    private PolicyLab(MeshLab mesh)
    {
        Mesh = mesh;
        _echo = EchoServer.Start(Server);
    }

    public MeshLab Mesh { get; }

    public LabPod Client => Mesh.Pod("client");

    /// <summary>A pod of the mesh in the namespace <c>partner</c>.</summary>
    public LabPod Visitor => Mesh.Pod("visitor");

    /// <summary>A pod outside the mesh.</summary>
    public LabPod Stranger => Mesh.Pod("stranger");

    public LabPod Server => Mesh.Pod("server");

    /// <summary>A pod beside the server.</summary>
    public LabPod Neighbour => Mesh.Pod("neighbour");

    public static async Task<PolicyLab> Start(Func<NodeAgentOptions, NodeAgentOptions>? configure = null)
    {
        MeshLab mesh = await MeshLab.Start(
            lab =>
            {
                lab.Node("a").Pod("client").Pod("visitor", "partner").Pod("stranger", "outside");
                lab.Node("b").Pod("server").Pod("neighbour");
            },
            network => Pods(network),
            configure);
        var lab = new PolicyLab(mesh);
        await mesh.UntilCaptured(lab.Visitor);
        return lab;
    }

    /// <summary>An AuthorizationPolicy of the namespace <c>default</c>.</summary>
    public static string Policy(string name, string spec, string annotations = "{}") =>
        $"apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {{name: {name}, namespace: default, annotations: {annotations}}}\nspec: {spec}\n";

    /// <summary>A PeerAuthentication of the namespace <c>default</c>.</summary>
    public static string PeerAuthentication(string name, string spec) =>
        $"apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {{name: {name}, namespace: default}}\nspec: {spec}\n";

    /// <summary>Puts these policies in the place of those before, and waits until the server's node has them. Their names are to be new.</summary>
    public async Task Apply(params string[] policies)
    {
        Mesh.Manifests.Write(File, Yaml.Join(policies));
        string[] names = [.. policies.Select(policy => policy.Split("name: ")[1].Split(',')[0]).Order(StringComparer.Ordinal)];
        await MeshLab.Eventually(
            $"the policies {string.Join(", ", names)}",
            async () => (await Policies()).Select(policy => policy.GetProperty("name").GetString()!).Order(StringComparer.Ordinal).SequenceEqual(names, StringComparer.Ordinal));
    }

    /// <summary>Writes policies as they are, without waiting for anything.</summary>
    public void Write(string policies) => Mesh.Manifests.Write(File, policies);

    /// <summary>Gives the server other labels.</summary>
    public void Label(string labels) => Mesh.Manifests.Write("mesh.yaml", Pods(Mesh.Network, labels));

    /// <summary>What the server's node says of its policies.</summary>
    public async Task<JsonElement[]> Policies() =>
        [.. (await NodeDiagnostics.Dump(Mesh.Network.Node("b"))).GetProperty("policies").EnumerateArray()];

    /// <summary>Which of the clients the server answers, by name.</summary>
    public async Task<string> Reached(bool ipv6 = false, params LabPod[] clients)
    {
        LabPod[] all = clients.Length > 0 ? clients : [Client, Visitor, Stranger, Neighbour];
        string?[] greetings = await Task.WhenAll(all.Select(pod => EchoServer.Greeting(pod, ipv6 ? Server.IPv6 : Server.IPv4)));
        return string.Join(' ', all.Where((_, index) => greetings[index] is not null).Select(pod => pod.Name));
    }

    public async ValueTask DisposeAsync()
    {
        await _echo.DisposeAsync();
        await Mesh.DisposeAsync();
    }

    private static string Pods(LabNetwork network, string? serverLabels = null) => Yaml.Join(
    [
        Yaml.Namespace("default", ambient: true),
        Yaml.Namespace("partner", ambient: true),
        Yaml.Namespace("outside", ambient: false),
        .. network.Pods.Select(pod => Yaml.Pod(pod, pod.Name == "server" ? serverLabels : null)),
    ]);
}
