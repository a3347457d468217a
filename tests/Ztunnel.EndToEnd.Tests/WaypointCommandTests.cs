using Ztunnel.Resources;

namespace Ztunnel.EndToEnd.Tests;

/// <summary><c>ztunnel waypoint</c> on a directory of manifests.</summary>
public sealed class WaypointCommandTests : IDisposable
{
    private readonly ManifestDirectory _manifests = new();
    private readonly StringWriter _output = new();
    private readonly StringWriter _error = new();

    public WaypointCommandTests() => _manifests.Write("shop.yaml", """
        apiVersion: v1
        kind: Namespace
        metadata:
          name: shop # where things are sold
          labels:
            istio.io/dataplane-mode: ambient
        ---
        apiVersion: v1
        kind: Service
        metadata:
          name: till
          namespace: shop
        spec:
          clusterIP: 10.96.0.7
          ports:
          - port: 80
        """);

    public void Dispose()
    {
        _manifests.Dispose();
        _output.Dispose();
        _error.Dispose();
    }

    [Fact]
    public void Generate_prints_what_is_read_as_a_waypoint()
    {
        Assert.Equal(0, Run("generate", "-n", "shop", "--name", "wp", "--for", "all", "--revision", "canary"));
        _manifests.Write("generated.yaml", _output.ToString());

        GatewayObject gateway = Assert.Single(DirectorySource.Read(_manifests.Path).Objects.OfType<GatewayObject>());
        Assert.Equal("istio-waypoint", gateway.ClassName);
        Assert.Equal(("mesh", (ushort)15008, "HBONE"), gateway.Listeners.Select(listener => (listener.Name, listener.Port, listener.Protocol)).Single());
        Assert.Equal(("all", "canary"), (gateway.Metadata.Labels["istio.io/waypoint-for"], gateway.Metadata.Labels["istio.io/rev"]));
    }

    [Fact]
    public void Apply_binds_the_namespace_and_list_and_status_say_how_it_stands_until_it_is_deleted()
    {
        Assert.Equal(0, Run("apply", "-n", "shop", "--enroll-namespace"));
        Assert.Equal("waypoint shop/waypoint created\nnamespace shop labelled istio.io/use-waypoint: waypoint\n", Said());
        Assert.Contains("name: shop # where things are sold", File.ReadAllText(System.IO.Path.Combine(_manifests.Path, "shop.yaml")), StringComparison.Ordinal);

        Assert.Equal(0, Run("list", "-A"));
        Assert.Equal("NAMESPACE   NAME       FOR       REVISION   READY   BOUND\nshop        waypoint   service   default    0/0     1\n", Said());

        Assert.Equal(0, Run("status", "-n", "shop", "waypoint"));
        string status = Said();
        Assert.Contains("shop/waypoint: 0 of 0 pods ready; what is bound to it is refused", status, StringComparison.Ordinal);
        Assert.Contains("service shop/till: WaypointIsNotReady", status, StringComparison.Ordinal);

        Assert.Equal(0, Run("apply", "-n", "shop"));
        Assert.Equal("waypoint shop/waypoint configured\n", Said());

        Assert.Equal(0, Run("delete", "-n", "shop", "waypoint"));
        Assert.Equal("waypoint shop/waypoint deleted\n", Said());
        Assert.Empty(DirectorySource.Read(_manifests.Path).Objects.OfType<GatewayObject>());
        Assert.Equal(0, Run("list", "-n", "shop"));
        Assert.Equal("No waypoints found in namespace shop.\n", Said());
    }

    [Fact]
    public void Apply_warns_until_a_ready_pod_and_the_Service_are_there()
    {
        Run("apply", "-n", "shop");
        Assert.Equal("warning: no pod serves shop/waypoint yet: what is bound to it is refused until one does\n", Warned());

        string pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: wp, namespace: shop, labels: {gateway.networking.k8s.io/gateway-name: waypoint}}\n"
            + "spec: {nodeName: node-a}\nstatus: {podIPs: [{ip: 10.244.1.9}]READY}\n";
        _manifests.Write("pod.yaml", pod.Replace("READY", ", conditions: [{type: Ready, status: \"False\"}]", StringComparison.Ordinal));
        Run("apply", "-n", "shop");
        Assert.StartsWith("warning: no pod that serves shop/waypoint is ready yet:", Warned(), StringComparison.Ordinal);
        _manifests.Write("pod.yaml", pod.Replace("READY", "", StringComparison.Ordinal));
        Run("apply", "-n", "shop");
        Assert.StartsWith("warning: there is no Service shop/waypoint yet, by which its pods are found:", Warned(), StringComparison.Ordinal);
        _manifests.Write("service.yaml", "apiVersion: v1\nkind: Service\nmetadata: {name: waypoint, namespace: shop}\n"
            + "spec: {clusterIP: 10.96.0.8, selector: {gateway.networking.k8s.io/gateway-name: waypoint}, ports: [{port: 15008}]}\n");
        Run("apply", "-n", "shop");
        Assert.Empty(Warned());
    }

    [Fact]
    public void Delete_warns_of_what_is_still_labelled_and_says_when_there_is_nothing()
    {
        Run("apply", "-n", "shop", "--enroll-namespace");
        _manifests.Write("far.yaml", "apiVersion: v1\nkind: Service\nmetadata: {name: far, namespace: away, labels: {istio.io/use-waypoint: waypoint, istio.io/use-waypoint-namespace: shop}}\n"
            + "spec: {clusterIP: 10.96.0.9, ports: [{port: 80}]}\n");
        Warned();
        Assert.Equal(0, Run("delete", "-n", "shop", "--all"));
        Assert.Equal("warning: still labelled for shop/waypoint, so that what is bound by it is refused: Namespace shop, Service away/far\n", Warned());

        Said();
        Assert.Equal(0, Run("delete", "-n", "shop", "--all"));
        Assert.Equal("No waypoints found in namespace shop.\n", Said());
        Assert.Empty(Warned());
    }

    [Fact]
    public void What_is_no_directory_is_called_so()
    {
        string absent = System.IO.Path.Combine(_manifests.Path, "absent");

        Assert.Equal(1, RunIn(absent, "list"));
        Assert.Equal($"error: --manifests: {absent} is not a directory\n", Warned());
    }

    [Fact]
    public void A_namespace_with_another_waypoint_is_not_bound_anew_unless_that_is_said()
    {
        Run("apply", "-n", "shop", "--enroll-namespace");
        Said();

        Assert.Equal(1, Run("apply", "-n", "shop", "--name", "other", "--enroll-namespace"));
        Assert.Contains("namespace shop has the waypoint waypoint", _error.ToString(), StringComparison.Ordinal);
        Assert.Single(DirectorySource.Read(_manifests.Path).Objects.OfType<GatewayObject>());

        Assert.Equal(0, Run("apply", "-n", "shop", "--name", "other", "--enroll-namespace", "--overwrite"));
        Assert.Equal("other", DirectorySource.Read(_manifests.Path).Objects.OfType<NamespaceObject>().Single().Metadata.Labels["istio.io/use-waypoint"]);
    }

    [Theory]
    [InlineData("none", "apply", "--name", "none")]
    [InlineData("--name", "apply", "--name", "Not_A_Name")]
    [InlineData("everything", "apply", "--for", "everything")]
    [InlineData("give the names", "delete")]
    [InlineData("give the names", "delete", "--all", "waypoint")]
    [InlineData("namespace nowhere is not among the manifests", "apply", "-n", "nowhere", "--enroll-namespace")]
    [InlineData("Gateway default/absent is not among the manifests", "delete", "absent")]
    [InlineData("there is no waypoint shop/absent", "status", "-n", "shop", "absent")]
    public void What_makes_no_sense_is_refused_by_name_and_changes_nothing(string named, params string[] arguments)
    {
        Assert.NotEqual(0, Run(arguments));

        Assert.Contains(named, _error.ToString(), StringComparison.Ordinal);
        Assert.Single(Directory.GetFiles(_manifests.Path));
    }

    private int Run(params string[] arguments) => RunIn(_manifests.Path, arguments);

    private int RunIn(string manifests, params string[] arguments) =>
        WaypointCommand.Create(_output, _error)
            .Parse(arguments is ["generate", ..] ? arguments : [.. arguments, "--manifests", manifests])
            .Invoke(new System.CommandLine.InvocationConfiguration { Output = _output, Error = _error });

    private string Said() => Taken(_output);

    private string Warned() => Taken(_error);

    private static string Taken(StringWriter from)
    {
        string said = from.ToString();
        from.GetStringBuilder().Clear();
        return said;
    }
}
