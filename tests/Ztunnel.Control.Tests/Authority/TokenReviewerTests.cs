using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging.Abstractions;
using Ztunnel.Kubernetes;

namespace Ztunnel.Control.Tests;

/// <summary>What is read of a TokenReview.</summary>
public sealed class TokenReviewerTests : IDisposable
{
    private readonly ApiClient _api = new(ApiAccess.Insecure(new Uri("http://127.0.0.1:1")));

    public void Dispose() => _api.Dispose();

    [Fact]
    public void A_pod_s_token_says_whose_it_is()
    {
        Caller? caller = Read("""
            {"authenticated": true, "audiences": ["istio-ca"], "user": {
              "username": "system:serviceaccount:istio-system:ztunnel", "uid": "1",
              "groups": ["system:serviceaccounts", "system:authenticated"],
              "extra": {"authentication.kubernetes.io/pod-name": ["ztunnel-x"], "authentication.kubernetes.io/pod-uid": ["u"],
                        "authentication.kubernetes.io/node-name": ["node-a"], "authentication.kubernetes.io/credential-id": ["JTI=1"]}}}
            """);

        Assert.Equal(new Caller("istio-system", "ztunnel") { PodName = "ztunnel-x", PodUid = "u", NodeName = "node-a" }, caller);
    }

    [Theory]
    [InlineData("""{"authenticated": false, "error": "expired"}""")]
    [InlineData("""{"error": "expired"}""")]
    [InlineData("""{"authenticated": true, "user": {"username": "system:serviceaccount:a:b"}}""")]
    [InlineData("""{"authenticated": true, "audiences": ["https://kubernetes.default.svc"], "user": {"username": "system:serviceaccount:a:b"}}""")]
    [InlineData("""{"authenticated": true, "audiences": ["istio-ca"], "user": {"username": "admin"}}""")]
    [InlineData("""{"authenticated": true, "audiences": ["istio-ca"], "user": {"username": "system:serviceaccount:a"}}""")]
    [InlineData("""{"authenticated": true, "audiences": ["istio-ca"], "user": {"username": "system:serviceaccount:a:b:c"}}""")]
    [InlineData("""{"authenticated": true, "audiences": ["istio-ca"], "user": {}}""")]
    public void Others_are_nobody_s(string status) => Assert.Null(Read(status));

    private Caller? Read(string status) =>
        new TokenReviewer(_api, "istio-ca", NullLogger.Instance).Read(new JsonObject { ["status"] = JsonNode.Parse(status) });
}
