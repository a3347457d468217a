using System.Net;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging.Abstractions;
using Ztunnel.Control;
using Ztunnel.Diagnostics;
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

    [Fact]
    public async Task It_leads_on_however_much_there_is_to_read()
    {
        await using ApiServer server = await ApiServer.Start();
        server.Put("{apiVersion: v1, kind: Namespace, metadata: {name: istio-system}}");
        using ApiClient client = new(ApiAccess.Insecure(server.Address), new ApiClientOptions { RequestsPerSecond = 5, Burst = 1000 });
        await using ControllerAgent agent = await Start(client, "only", deadline: TimeSpan.FromSeconds(4));
        await Eventually.Holds(() => agent.IsLeader);
        using var flooding = new CancellationTokenSource();
        // More than it may ask for in minutes.
        Task[] flood = [.. Enumerable.Range(0, 3000).Select(_ => client.Get(ApiResource.Namespaces.All(), flooding.Token))];
        long Renewed() => server.Counters.Requests("update", "leases.coordination.k8s.io");
        long before = Renewed();
        await Eventually.Holds(() => Renewed() > before + 50);
        Assert.True(agent.IsLeader);
        await flooding.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Task.WhenAll(flood));
    }

    [Fact]
    public async Task One_that_may_not_read_policies_is_not_ready_and_says_why()
    {
        await using ApiServer server = await ApiServer.Start();
        server.Put("{apiVersion: v1, kind: Namespace, metadata: {name: istio-system}}");
        IDisposable denial = Deny();
        using ApiClient client = new(ApiAccess.Insecure(server.Address));
        using var probe = new HttpClient();
        var asked = new IPEndPoint(IPAddress.Parse("127.0.0.2"), 0);
        Task<ControllerAgent> starting = Start(client, "only", new DiagnosticsOptions
        {
            Admin = [new IPEndPoint(IPAddress.Loopback, 0)],
            Readiness = [asked],
            Bind = endpoint =>
            {
                var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
                socket.Bind(endpoint);
                socket.Listen();
                if (endpoint.Equals(asked))
                    probe.BaseAddress = new Uri($"http://{socket.LocalEndPoint}");
                return socket;
            },
        });
        await Says(HttpStatusCode.ServiceUnavailable, "authorizationpolicies.security.istio.io: may not be read");
        Assert.False(starting.IsCompleted);
        denial.Dispose();
        await using ControllerAgent agent = await starting;
        await Says(HttpStatusCode.OK, "");

        using (Deny())
        {
            server.Faults.DropWatches();
            await Says(HttpStatusCode.ServiceUnavailable, "authorizationpolicies.security.istio.io: may not be read");
        }

        await Says(HttpStatusCode.OK, "");

        IDisposable Deny() => server.Faults.Fail(403, request => request.Resource == "authorizationpolicies.security.istio.io");

        async Task Says(HttpStatusCode status, string text)
        {
            (HttpStatusCode Status, string Text) said = (default, "");
            for (var limit = Task.Delay(Eventually.Deadline); !(said.Status == status && said.Text.Contains(text, StringComparison.Ordinal)); await Task.Delay(5))
            {
                Assert.False(limit.IsCompleted, $"{said}");
                if (probe.BaseAddress is null)
                    continue;
                using HttpResponseMessage answer = await probe.GetAsync(new Uri("/healthz/ready", UriKind.Relative), TestContext.Current.CancellationToken);
                said = (answer.StatusCode, await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
            }
        }
    }

    private static string? Accepted(ApiServer server, string name) =>
        (server.Objects.Get("gateway.networking.k8s.io/v1", "Gateway", "shop", name)?["status"]?["conditions"] as JsonArray)?
            .Where(condition => (string?)condition!["type"] == "Accepted").Select(condition => (string?)condition!["reason"]).FirstOrDefault();

    private static Task<ControllerAgent> Start(ApiClient client, string identity, DiagnosticsOptions? diagnostics = null, TimeSpan? deadline = null) => ControllerAgent.Start(
        new ControllerAgentOptions
        {
            Controller = new ControllerOptions { Provisioning = new ProvisioningOptions { Image = "ztunnel:test" } },
            Election = new LeaderElectionOptions
            {
                Namespace = "istio-system",
                Name = "ztunnel-controller",
                Identity = identity,
                RetryPeriod = TimeSpan.FromMilliseconds(50),
                RenewDeadline = deadline ?? TimeSpan.FromSeconds(10),
            },
            Diagnostics = diagnostics,
        },
        client,
        NullLoggerFactory.Instance,
        TestContext.Current.CancellationToken);
}
