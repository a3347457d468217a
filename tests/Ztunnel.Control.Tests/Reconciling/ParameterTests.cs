using System.Collections.Concurrent;
using Ztunnel.Testing;

namespace Ztunnel.Control.Tests;

/// <summary>How the ConfigMaps that Gateways name are followed.</summary>
public sealed class ParameterTests
{
    [Fact]
    public async Task Gateways_whose_parameters_are_not_told_keep_no_others_waiting()
    {
        await using ControllerWorld world = await ControllerWorld.Start();
        IDisposable hold = world.Server.Faults.Hold(OfShop);
        foreach (string name in new[] { "a", "b", "c", "d", "e" })
            world.Put(Named(name));
        await Eventually.Holds(() => world.Knows("e"));
        world.Put(Manifest.Ingress);
        await Eventually.Holds(() => world.Get("Service", "shop/gw-istio") is not null);
        Assert.Null(world.Get("Service", "shop/a"));

        hold.Dispose();
        await Eventually.Holds(() => world.Condition("Gateway", "shop/e", "Accepted") == "False/InvalidParameters: ConfigMap shop/of-e does not exist");
    }

    [Fact]
    public async Task Parameters_that_the_server_refuses_to_give_are_said_and_taken_when_it_does()
    {
        await using ControllerWorld world = await ControllerWorld.Start();
        IDisposable fault = world.Server.Faults.Fail(400, OfShop);
        world.Put(Manifest.WithParameters);
        await Eventually.Holds(() => world.Condition("Gateway", "shop/waypoint", "Accepted").StartsWith("False/InvalidParameters: ConfigMap shop/params cannot be read: ", StringComparison.Ordinal));
        fault.Dispose();
        await Eventually.Holds(() => world.Condition("Gateway", "shop/waypoint", "Accepted") == "False/InvalidParameters: ConfigMap shop/params does not exist");
        world.Put(Manifest.Parameters("  deployment: '{spec: {minReadySeconds: 4}}'"));
        await Eventually.Holds(() => world.At("Deployment", "shop/waypoint", "spec.minReadySeconds") == "4");
    }

    [Fact]
    public async Task A_name_that_is_none_is_a_mistake_of_the_gateway_and_asked_of_nobody()
    {
        await using ControllerWorld world = await ControllerWorld.Start();
        world.Put(Manifest.WithParameters.Replace("name: params", "name: \"a,b\"", StringComparison.Ordinal));
        await Eventually.Holds(() => world.Controller.Inventory.Snapshot().Sources.Any(source => source.Problems.Any(problem => problem.ToString().Contains("spec.infrastructure.parametersRef.name: may hold only", StringComparison.Ordinal))));
    }

    [Theory]
    [InlineData("namespace: shop}", "namespace: shop, labels: {istio.io/rev: canary}}")]
    [InlineData("gatewayClassName: istio-waypoint", "gatewayClassName: nginx")]
    [InlineData("listeners:", "addresses: [{type: Hostname, value: front}]\n  listeners:")]
    public async Task Parameters_of_gateways_that_are_not_ours_to_run_are_not_followed(string text, string instead)
    {
        await using ControllerWorld world = await ControllerWorld.Start();
        var asked = new ConcurrentQueue<string>();
        using IDisposable spy = world.Server.Faults.Delay(TimeSpan.Zero, request =>
        {
            if (OfShop(request))
                asked.Enqueue(request.Verb);
            return false;
        });
        string foreign = Manifest.WithParameters.Replace(text, instead, StringComparison.Ordinal);
        world.Put(foreign);
        await Eventually.Holds(() => world.Knows("waypoint"));
        await world.Settled();
        Assert.Empty(asked);

        // One that was ours is followed no longer, nor is any by who does not lead.
        long before = world.Server.Counters.Watches("configmaps");
        world.Put(Manifest.WithParameters.Replace("name: waypoint", "name: mine", StringComparison.Ordinal));
        await Eventually.Holds(() => world.Server.Counters.Watches("configmaps") == before + 1);
        world.Put(foreign.Replace("name: waypoint", "name: mine", StringComparison.Ordinal));
        await Eventually.Holds(() => world.Server.Counters.Watches("configmaps") == before);
        world.Put(Named("led"));
        await Eventually.Holds(() => world.Server.Counters.Watches("configmaps") == before + 1);
        await world.Resign();
        await Eventually.Holds(() => world.Server.Counters.Watches("configmaps") == before);
    }

    private static bool OfShop(ApiRequest request) => request is { Resource: "configmaps", Namespace: "shop" };

    private static string Named(string name) => Manifest.WithParameters
        .Replace("name: waypoint", $"name: {name}", StringComparison.Ordinal)
        .Replace("name: params", $"name: of-{name}", StringComparison.Ordinal);
}
