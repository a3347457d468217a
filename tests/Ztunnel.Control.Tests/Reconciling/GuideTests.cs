using System.Diagnostics;
using System.Text.Json.Nodes;
using Ztunnel.Testing;

namespace Ztunnel.Control.Tests;

/// <summary>The Gateways of the guides, applied with kubectl, come up.</summary>
public sealed class GuideTests
{
    [Theory]
    [InlineData("ambient-ingress/httpbin-gw.yaml", "httpbin", "httpbin-gateway", "httpbin-gateway-istio", "httpbin-gateway-istio.httpbin.svc.cluster.local")]
    [InlineData("ambient-ingress/httpbin-waypoint.yaml", "httpbin", "httpbin-waypoint", "httpbin-waypoint", "10.96.7.7")]
    [InlineData("asm-gateway-api/3-waypoint.yaml", "default", "httpbin", "httpbin-istio-waypoint", "10.96.7.7")]
    [InlineData("asm-mesh/waypoint.yaml", "default", "waypoint", "waypoint", "10.96.7.7")]
    [InlineData("asm-mesh/gateway.yaml", "istio-system", "prod-gateway", "prod-gateway-istio", "203.0.113.7")]
    public async Task A_guide_s_gateway_is_programmed_with_an_address(string file, string @namespace, string gateway, string service, string address)
    {
        await using ControllerWorld world = await ControllerWorld.Start($$"""
            {apiVersion: v1, kind: Namespace, metadata: {name: {{@namespace}} } }
            ---
            {apiVersion: apps/v1, kind: Deployment, metadata: {name: httpbin, namespace: default}, spec: {selector: {matchLabels: {app: httpbin} }, template: {metadata: {labels: {app: httpbin} }, spec: {containers: [{name: httpbin, image: httpbin}]} } } }
            """);
        await Kubectl(world, "apply", "-f", Path.Combine(Repository.Root, "deploy", "walkthroughs", file));
        await Eventually.Holds(() => world.Get("Service", $"{@namespace}/{service}") is not null && world.Get("Deployment", $"{@namespace}/{service}") is not null);
        Serve(world, @namespace, service);
        await Kubectl(world, "wait", "--for=condition=programmed", "-n", @namespace, $"gateway/{gateway}", "--timeout=30s");
        Assert.Equal(address, await Kubectl(world, "get", "gateway", gateway, "-n", @namespace, "-o", "jsonpath={.status.addresses[0].value}"));
        Assert.Contains("True", await Kubectl(world, "get", "gateway", "-n", @namespace), StringComparison.Ordinal);
        Assert.Equal("httpbin", (string?)world.Get("Deployment", "default/httpbin")!["spec"]!["template"]!["spec"]!["containers"]![0]!["image"]);

        await Kubectl(world, "delete", "gateway", gateway, "-n", @namespace);
        await Eventually.Holds(() => world.Get("Service", $"{@namespace}/{service}") is null && world.Get("Deployment", $"{@namespace}/{service}") is null);
    }

    /// <summary>Does what the cluster's own controllers would: an address for the Service, an endpoint behind it.</summary>
    private static void Serve(ControllerWorld world, string @namespace, string service)
    {
        world.Edit("Service", $"{@namespace}/{service}", made =>
        {
            made["spec"]!["clusterIP"] = "10.96.7.7";
            made["spec"]!["clusterIPs"] = new JsonArray("10.96.7.7");
            if ((string?)made["spec"]!["type"] == "LoadBalancer")
                made["status"] = new JsonObject { ["loadBalancer"] = new JsonObject { ["ingress"] = new JsonArray(new JsonObject { ["ip"] = "203.0.113.7" }) } };
        });
        JsonNode port = world.Get("Service", $"{@namespace}/{service}")!["spec"]!["ports"]!.AsArray()[^1]!;
        world.Put(Manifest.Slice(service, (string)port["name"]!, (int)port["port"]!).Replace("namespace: shop", $"namespace: {@namespace}", StringComparison.Ordinal));
    }

    private static async Task<string> Kubectl(ControllerWorld world, params string[] arguments)
    {
        string home = Directory.CreateTempSubdirectory("kubectl-").FullName;
        try
        {
            world.Server.WriteKubeconfig(Path.Combine(home, "config"));
            var start = new ProcessStartInfo("kubectl", arguments) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = home };
            start.Environment["HOME"] = home;
            start.Environment["KUBECONFIG"] = Path.Combine(home, "config");
            start.Environment["NO_PROXY"] = "127.0.0.1";
            using Process process = Process.Start(start)!;
            using var deadline = new CancellationTokenSource(TimeSpan.FromMinutes(1));
            Task<string> output = process.StandardOutput.ReadToEndAsync(deadline.Token), error = process.StandardError.ReadToEndAsync(deadline.Token);
            await process.WaitForExitAsync(deadline.Token);
            Assert.True(process.ExitCode == 0, $"kubectl {string.Join(' ', arguments)}: {await error}");
            return (await output).Trim();
        }
        finally
        {
            Directory.Delete(home, recursive: true);
        }
    }
}
