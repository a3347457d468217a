using System.Net.Sockets;
using Ztunnel.Testing;

namespace Ztunnel.Kubernetes.Tests.Server;

/// <summary>A server that does what servers do when things go wrong, and counts what it was asked.</summary>
public sealed class FaultTests
{
    private const string Maps = "/api/v1/namespaces/default/configmaps";

    [Fact]
    public async Task Requests_are_answered_with_what_is_asked_for_until_it_is_over()
    {
        await using Api api = await Api.Start();
        using (api.Server.Faults.Fail(429, request => request.Resource == "configmaps", retryAfter: TimeSpan.FromSeconds(7)))
        {
            Answer busy = await api.Get(Maps);
            Assert.Equal((429, "TooManyRequests", TimeSpan.FromSeconds(7)), (busy.Code, busy["reason"], busy.RetryAfter));
            Assert.Equal(200, (await api.Get("/api/v1/pods")).Code);
        }

        Assert.Equal(200, (await api.Get(Maps)).Code);
        using (api.Server.Faults.Fail(500, times: 2))
        {
            Assert.Equal(500, (await api.Get(Maps)).Code);
            Assert.Equal(500, (await api.Get(Maps)).Code);
            Assert.Equal(200, (await api.Get(Maps)).Code);
        }
    }

    [Fact]
    public async Task Requests_are_held_until_they_are_let_go()
    {
        await using Api api = await Api.Start();
        Task<Answer> held;
        using (api.Server.Faults.Hold(request => request.Verb == "list"))
        {
            held = api.Get(Maps);
            await Eventually.Holds(() => api.Server.Counters.Requests("list", "configmaps") == 1);
            Assert.Equal(404, (await api.Get(Maps + "/x")).Code);
            Assert.False(held.IsCompleted);
        }

        Assert.Equal(200, (await held).Code);
    }

    [Fact]
    public async Task Requests_are_answered_late()
    {
        ManualTime time = new();
        await using Api api = await Api.Start(new ApiServerOptions { Time = time });
        using IDisposable late = api.Server.Faults.Delay(TimeSpan.FromSeconds(5));
        Task<Answer> answer = api.Get(Maps);
        await Eventually.Holds(() => time.ArmedTimers == 1);
        Assert.False(answer.IsCompleted);
        time.Advance(TimeSpan.FromSeconds(5));
        Assert.Equal(200, (await answer).Code);
    }

    [Fact]
    public async Task Watches_end_in_good_order_or_break()
    {
        await using Api api = await Api.Start();
        using WatchLines ordered = await api.Watch(Maps);
        await Eventually.Holds(() => api.Server.Counters.Watches("configmaps") == 1);
        api.Server.Faults.DropWatches();
        Assert.Equal("END", await ordered.Short());
        await Eventually.Holds(() => api.Server.Counters.Watches() == 0);

        using WatchLines broken = await api.Watch(Maps);
        await api.Post(Maps, ObjectTests.ConfigMap("a", "1"));
        Assert.Equal("ADDED a", await broken.Short());
        api.Server.Faults.DropWatches(abruptly: true);
        await Assert.ThrowsAnyAsync<IOException>(broken.Next);
    }

    [Fact]
    public async Task A_server_that_went_away_comes_back_on_its_port_with_what_it_had()
    {
        await using Api api = await Api.Start();
        await api.Post(Maps, ObjectTests.ConfigMap("a", "1"));
        using WatchLines watch = await api.Watch(Maps);
        Assert.Equal("ADDED a", await watch.Short());
        await api.Server.Faults.GoAway();
        await Assert.ThrowsAnyAsync<IOException>(watch.Next);
        HttpRequestException refused = await Assert.ThrowsAsync<HttpRequestException>(() => api.Get(Maps));
        Assert.Equal(SocketError.ConnectionRefused, Assert.IsType<SocketException>(refused.InnerException).SocketErrorCode);
        await api.Server.Faults.ComeBack();
        Assert.Equal("a", (await api.Get(Maps + "/a"))["metadata.name"]);
    }

    [Fact]
    public async Task By_https_a_certificate_says_who_asks()
    {
        ApiUser reader = new("reader") { Groups = ["readers"] };
        await using Kubectl kubectl = await Kubectl.Start(new ApiServerOptions { Tls = true, Rbac = true }, reader);
        kubectl.Server.Put("""
            apiVersion: rbac.authorization.k8s.io/v1
            kind: ClusterRole
            metadata: { name: readers }
            rules: [{ apiGroups: [""], resources: [configmaps], verbs: [get, list] }]
            ---
            apiVersion: rbac.authorization.k8s.io/v1
            kind: ClusterRoleBinding
            metadata: { name: readers }
            roleRef: { apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: readers }
            subjects: [{ kind: Group, name: readers }]
            """);
        Assert.Equal("https", kubectl.Server.Address.Scheme);
        Assert.Equal("", await kubectl.Run("get configmaps -o name"));
        Assert.Contains("User \"reader\" cannot list resource \"secrets\"", await kubectl.Fail("get secrets"));
    }

    [Fact]
    public async Task Many_watchers_hear_of_every_change_that_concerns_them_and_of_no_other()
    {
        const int Nodes = 50, Pods = 500;
        await using Api api = await Api.Start();
        WatchLines[] watches = await Task.WhenAll(Enumerable.Range(0, Nodes).Select(node =>
            api.Watch($"/api/v1/pods?fieldSelector=spec.nodeName%3Dnode-{node}")));
        for (int pod = 0; pod < Pods; pod++)
        {
            api.Server.Put($$"""
                { "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "pod-{{pod:d4}}" },
                  "spec": { "nodeName": "node-{{pod % Nodes}}", "containers": [{ "name": "c", "image": "i" }] } }
                """);
        }

        for (int node = 0; node < Nodes; node++)
        {
            for (int pod = node; pod < Pods; pod += Nodes)
                Assert.Equal($"ADDED pod-{pod:d4}", await watches[node].Short());
            watches[node].Dispose();
        }

        await Eventually.Holds(() => api.Server.Counters.Watches("pods") == 0);
        Assert.Equal(Nodes, api.Server.Counters.Requests("watch", "pods"));
        Assert.InRange(api.Server.Counters.Bytes("watch", "pods"), Pods * 500L, Pods * 5000L);
    }
}
