using System.Net.Http.Headers;
using Ztunnel.Testing;

namespace Ztunnel.Kubernetes.Tests.Server;

/// <summary>Who asks is known by a token, and may do what roles say.</summary>
public sealed class AccessTests
{
    private const string Reviews = "/apis/authentication.k8s.io/v1/tokenreviews";

    [Fact]
    public async Task A_token_of_a_service_account_says_whose_it_is_for_whom_and_for_how_long()
    {
        ManualTime time = new();
        await using Api api = await Api.Start(new ApiServerOptions { Time = time });
        api.Server.Put("""
            apiVersion: v1
            kind: Pod
            metadata: { name: agent, namespace: istio-system }
            spec: { nodeName: n1, serviceAccountName: default, containers: [{ name: c, image: i }] }
            """);
        string pod = (await api.Get("/api/v1/namespaces/istio-system/pods/agent"))["metadata.uid"]!;
        Answer request = await api.Post("/api/v1/namespaces/istio-system/serviceaccounts/default/token", """
            {"spec":{"audiences":["istio-ca"],"expirationSeconds":600,"boundObjectRef":{"kind":"Pod","apiVersion":"v1","name":"agent"}}}
            """);
        string token = request["status.token"]!;
        Assert.Equal(201, request.Code);
        Assert.Equal(3, token.Split('.').Length);

        Answer review = await Review(api, token, "istio-ca");
        Assert.Equal(("true", "system:serviceaccount:istio-system:default", "istio-ca"), (
            review["status.authenticated"], review["status.user.username"], review["status.audiences.0"]));
        Assert.Equal(("n1", pod), (
            (string?)review.Json["status"]!["user"]!["extra"]!["authentication.kubernetes.io/node-name"]![0],
            (string?)review.Json["status"]!["user"]!["extra"]!["authentication.kubernetes.io/pod-uid"]![0]));
        Assert.Null((await Review(api, token, "other"))["status.authenticated"]);
        Assert.Null((await Review(api, token + "x", "istio-ca"))["status.authenticated"]);

        time.Advance(TimeSpan.FromSeconds(600));
        Assert.Null((await Review(api, token, "istio-ca"))["status.authenticated"]);
        string second = (await api.Post("/api/v1/namespaces/istio-system/serviceaccounts/default/token", """
            {"spec":{"audiences":["istio-ca"],"boundObjectRef":{"kind":"Pod","apiVersion":"v1","name":"agent"}}}
            """))["status.token"]!;
        Assert.Equal("true", (await Review(api, second, "istio-ca"))["status.authenticated"]);
        api.Server.Objects.Delete("v1", "Pod", "istio-system", "agent");
        Assert.Null((await Review(api, second, "istio-ca"))["status.authenticated"]);
    }

    [Fact]
    public async Task With_roles_a_user_may_do_what_is_bound_and_nothing_else()
    {
        ApiUser reader = new("reader", "reader-token");
        await using ApiServer server = await ApiServer.Start(new ApiServerOptions { Rbac = true, Users = [reader] });
        server.Put("""
            apiVersion: rbac.authorization.k8s.io/v1
            kind: ClusterRole
            metadata: { name: pods }
            rules:
            - { apiGroups: [""], resources: [pods], verbs: [get, list] }
            - { apiGroups: [""], resources: [configmaps], resourceNames: [mine], verbs: [get] }
            ---
            apiVersion: rbac.authorization.k8s.io/v1
            kind: RoleBinding
            metadata: { name: pods, namespace: shop }
            roleRef: { apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: pods }
            subjects: [{ kind: User, name: reader }]
            """);
        using HttpClient client = new() { BaseAddress = server.Address };
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", "reader-token");
        Assert.Equal(200, await Code(client, "/api/v1/namespaces/shop/pods"));
        Assert.Equal(403, await Code(client, "/api/v1/namespaces/default/pods"));
        Assert.Equal(403, await Code(client, "/api/v1/pods"));
        Assert.Equal(403, await Code(client, "/api/v1/namespaces/shop/pods/p/status"));
        Assert.Equal(404, await Code(client, "/api/v1/namespaces/shop/configmaps/mine"));
        Assert.Equal(403, await Code(client, "/api/v1/namespaces/shop/configmaps/other"));
        Assert.Equal(200, await Code(client, "/apis"));
        Assert.Contains(
            "pods is forbidden: User \\u0022reader\\u0022 cannot list resource \\u0022pods\\u0022 in API group \\u0022\\u0022 at the cluster scope",
            await (await client.GetAsync("/api/v1/pods")).Content.ReadAsStringAsync());

        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", "nobody's");
        Assert.Equal(401, await Code(client, "/api/v1/namespaces/shop/pods"));
    }

    private static async Task<int> Code(HttpClient client, string path)
    {
        using HttpResponseMessage response = await client.GetAsync(path);
        return (int)response.StatusCode;
    }

    private static Task<Answer> Review(Api api, string token, string audience) => api.Post(Reviews, $$"""
        {"apiVersion":"authentication.k8s.io/v1","kind":"TokenReview","spec":{"token":"{{token}}","audiences":["{{audience}}"]} }
        """);
}
