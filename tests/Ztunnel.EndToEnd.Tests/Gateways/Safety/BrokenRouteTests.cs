using System.Globalization;
using System.Net.Sockets;

namespace Ztunnel.EndToEnd.Tests;

/// <summary>What is wrong with one route costs that route.</summary>
[Collection(nameof(SafetyLab))]
public sealed class BrokenRouteTests(SafetyLab lab)
{
    private const string File = "broken.yaml";

    public static TheoryData<string, string, int> Broken => new()
    {
        { "a backend that is not there", "[{backendRefs: [{name: nowhere, port: 80}]}]", 500 },
        { "a port that its service does not have", "[{backendRefs: [{name: recorded, port: 81}]}]", 500 },
        { "a backend in a namespace that does not allow it", "[{backendRefs: [{name: kept, namespace: infra, port: 80}]}]", 500 },
        { "a kind of backend that nobody knows", "[{backendRefs: [{group: x.test, kind: Thing, name: a, port: 80}]}]", 500 },
        { "a filter that nobody knows", "[{filters: [{type: ExtensionRef, extensionRef: {group: x.test, kind: Thing, name: a}}], backendRefs: [{name: recorded, port: 80}]}]", 500 },
        { "no backend", "[{matches: [{path: {value: /}}]}]", 500 },
        { "a field that is misspelt", "[{backendRef: [{name: recorded, port: 80}]}]", 404 },
        { "an expression that is none", "[{matches: [{path: {type: RegularExpression, value: \"(\"}}], backendRefs: [{name: recorded, port: 80}]}]", 404 },
        { "a weight below zero", "[{backendRefs: [{name: recorded, port: 80, weight: -1}]}]", 404 },
        { "YAML that does not end", "[{backendRefs: [{name: recorded", 404 },
    };

    [Theory]
    [MemberData(nameof(Broken))]
    public async Task It_is_served_as_far_as_it_can_be_and_the_others_as_ever(string what, string rules, int status)
    {
        string host = $"h{Guid.NewGuid():N}.test";
        lab.Mesh.Manifests.Write("beside.yaml", Route("beside", "beside.test", "[{backendRefs: [{name: recorded, port: 80}]}]"));
        await MeshLab.Eventually("the route beside it", async () => await Ask("beside.test") == 200);
        try
        {
            lab.Mesh.Manifests.Write(File, Route("broken", host, rules));
            // What comes after it in time shows that it has been read.
            string mark = $"m{Guid.NewGuid():N}.test";
            lab.Mesh.Manifests.Write("mark.yaml", Route("mark", mark, "[{backendRefs: [{name: recorded, port: 80}]}]"));
            await MeshLab.Eventually("the route after it", async () => await Ask(mark) == 200);

            await MeshLab.Eventually(what, async () => await Ask(host) == status);
            Assert.Equal(200, await Ask("beside.test"));
            Assert.Equal(200, await Ask("web.test"));
        }
        finally
        {
            lab.Mesh.Manifests.Write(File, "");
        }
    }

    [Theory]
    [InlineData("the route goes", true)]
    [InlineData("the listener goes", false)]
    public async Task A_request_under_way_goes_on_whatever_becomes_of_its_route(string what, bool route)
    {
        int port = route ? 80 : 8099;
        if (!route)
            lab.WriteEdge("{name: more, port: 8099, protocol: HTTP, allowedRoutes: {namespaces: {from: All}}}");
        lab.Mesh.Manifests.Write(File, Route("broken", "under.test", "[{backendRefs: [{name: recorded, port: 80}]}]"));
        await MeshLab.Eventually("the route", async () => await Ask("under.test", port) == 200);
        using Socket client = await lab.Connect(lab.Gateway, port);
        await client.SendText("POST /under HTTP/1.1\r\nHost: under.test\r\nContent-Length: 6\r\nConnection: close\r\n\r\nabc");

        if (route)
            lab.Mesh.Manifests.Write(File, "");
        else
            lab.WriteEdge();
        await MeshLab.Eventually(what, async () => await Ask("under.test", port) == (route ? 404 : 0));

        await client.SendText("def");
        Assert.StartsWith("HTTP/1.1 200", await client.ReceiveToEnd(), StringComparison.Ordinal);
        Assert.Contains(lab.Backend.Requests, request => request is { Line: "POST /under HTTP/1.1", Body: "abcdef" });
    }

    private static string Route(string name, string host, string rules) => $$"""
        apiVersion: gateway.networking.k8s.io/v1
        kind: HTTPRoute
        metadata: {name: {{name}}, namespace: default}
        spec:
          parentRefs: [{name: edge, namespace: infra}]
          hostnames: [{{host}}]
          rules: {{rules}}

        """;

    private async Task<int> Ask(string host, int port = 80) => int.Parse(
        (await lab.Stranger.Exec("curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "--max-time", "15", "-H", $"Host: {host}", $"http://{lab.Gateway}:{port}/")).Output,
        CultureInfo.InvariantCulture);
}
