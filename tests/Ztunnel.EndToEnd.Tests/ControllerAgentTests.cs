using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging.Abstractions;
using Ztunnel.Control;
using Ztunnel.Kubernetes;
using Ztunnel.Testing;

namespace Ztunnel.EndToEnd.Tests;

/// <summary>Replicas of the controller as the command puts them together.</summary>
public sealed class ControllerAgentTests
{
    private const string Gateway = """
        apiVersion: gateway.networking.k8s.io/v1
        kind: Gateway
        metadata: {name: NAME, namespace: shop}
        spec:
          gatewayClassName: istio-waypoint
          infrastructure: {parametersRef: {group: "", kind: ConfigMap, name: NONE}}
          listeners: [{name: mesh, port: 15008, protocol: HBONE}]
        """;

    [Fact]
    public async Task One_leads_and_another_takes_over_when_it_goes()
    {
        await using ApiServer server = await ApiServer.Start();
        server.Put("{apiVersion: v1, kind: Namespace, metadata: {name: istio-system}}");
        using ApiClient client = new(ApiAccess.Insecure(server.Address));
        await using ControllerAgent first = await Start(client, "first");
        await Eventually.Holds(() => first.IsLeader);
        await using ControllerAgent second = await Start(client, "second");
        server.Put(Gateway.Replace("NAME", "a", StringComparison.Ordinal).Replace("NONE", "none", StringComparison.Ordinal));

        // What keeps it from being made is told where its owner looks.
        await Eventually.Holds(() => Accepted(server, "a") == "InvalidParameters");
        await Eventually.Holds(() => server.Objects.List("events.k8s.io/v1", "Event", "shop").Any(@event =>
            (string?)@event["regarding"]!["name"] == "a" && (string?)@event["reason"] == "InvalidParameters" && (string?)@event["note"] == "ConfigMap shop/none does not exist"));
        Assert.False(second.IsLeader);
        Assert.False(first.Failed.IsCompleted);

        await first.Drain();
        await Eventually.Holds(() => second.IsLeader);
        server.Put(Gateway.Replace("NAME", "b", StringComparison.Ordinal).Replace("NONE", "params", StringComparison.Ordinal));
        server.Put("{apiVersion: v1, kind: ConfigMap, metadata: {name: params, namespace: shop}, data: {service: '{metadata: {labels: {a: b}}}'}}");
        await Eventually.Holds(() => (string?)server.Objects.Get("v1", "Service", "shop", "b")?["metadata"]?["labels"]?["a"] == "b");
        await Eventually.Holds(() => Accepted(server, "b") == "Accepted");
    }

    private static string? Accepted(ApiServer server, string name) =>
        (server.Objects.Get("gateway.networking.k8s.io/v1", "Gateway", "shop", name)?["status"]?["conditions"] as JsonArray)?
            .Where(condition => (string?)condition!["type"] == "Accepted").Select(condition => (string?)condition!["reason"]).FirstOrDefault();

    private static Task<ControllerAgent> Start(ApiClient client, string identity) => ControllerAgent.Start(
        new ControllerAgentOptions
        {
            Controller = new ControllerOptions { Provisioning = new ProvisioningOptions { Image = "ztunnel:test" } },
            Election = new LeaderElectionOptions
            {
                Namespace = "istio-system",
                Name = "ztunnel-controller",
                Identity = identity,
                RetryPeriod = TimeSpan.FromMilliseconds(50),
            },
        },
        client,
        NullLoggerFactory.Instance,
        TestContext.Current.CancellationToken);
}
