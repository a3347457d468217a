using Ztunnel.Mesh;
using static Ztunnel.Resources.Tests.Manifests;

namespace Ztunnel.Resources.Tests;

public sealed class RequestAuthenticationTests
{
    /// <summary>A body, and what is wrong with it.</summary>
    public static TheoryData<string, string> Mistakes => new()
    {
        { "{jwtRules: [{}]}", "spec.jwtRules[0].issuer: is required" },
        { "{jwtRules: [{issuer: a, jwks: \"{\"}]}", "spec.jwtRules[0].jwks: must be a JSON Web Key Set: is not JSON, got \"{\"" },
        { "{jwtRules: [{issuer: a, jwks: \"[]\"}]}", "spec.jwtRules[0].jwks: must be a JSON Web Key Set: an object with a list of keys, got \"[]\"" },
        { "{jwtRules: [{issuer: a, jwksUri: keys}]}", "spec.jwtRules[0].jwksUri: must be an http or https address, got \"keys\"" },
        { "{jwtRules: [{issuer: a, jwksUri: \"file:///etc/passwd\"}]}", "spec.jwtRules[0].jwksUri: must be an http or https address, got \"file:///etc/passwd\"" },
        { "{jwtRules: [{issuer: a, jwks: \"{\\\"keys\\\":[]}\", jwksUri: \"https://a/\"}]}", "spec.jwtRules[0].jwksUri: may not stand beside jwks" },
        { "{jwtRules: [{issuer: a, timeout: soon}]}", "spec.jwtRules[0].timeout: must be a time such as 5s, got \"soon\"" },
        { "{jwtRules: [{issuer: a, fromHeaders: [{prefix: b}]}]}", "spec.jwtRules[0].fromHeaders[0].name: is required" },
        { "{jwtRules: [{issuer: a, fromParams: [\"\"]}]}", "spec.jwtRules[0].fromParams[0]: is required" },
        { "{jwtRules: [{issuer: a, outputPayloadToHeader: \"a b\"}]}", "spec.jwtRules[0].outputPayloadToHeader: must be the name of a header, got \"a b\"" },
        { "{jwtRules: [{issuer: a, outputClaimToHeaders: [{header: x}]}]}", "spec.jwtRules[0].outputClaimToHeaders[0].claim: is required" },
        { "{targetRefs: [{kind: Route, name: a}]}", "spec.targetRefs[0].kind: must be Gateway or GatewayClass of the group gateway.networking.k8s.io, Service of the core group, or ServiceEntry of networking.istio.io, got Route of the core group" },
        { "{targetRefs: [{kind: Gateway, name: a}]}", "spec.targetRefs[0].kind: must be Gateway or GatewayClass of the group gateway.networking.k8s.io, Service of the core group, or ServiceEntry of networking.istio.io, got Gateway of the core group" },
        { "{targetRefs: [{kind: Service, name: a, namespace: far}]}", "spec.targetRefs[0].namespace: must be the policy's own, got \"far\"" },
        { "{selector: {}, targetRef: {kind: Service, name: a}}", "spec.targetRef: may not stand beside selector or another target reference" },
    };

    [Theory]
    [MemberData(nameof(Mistakes))]
    public void A_mistake_is_told_by_its_field(string spec, string problem)
    {
        Assert.Equal($"x.yaml:4: RequestAuthentication default/p: {problem}", Assert.Single(Read(Object(spec)).Problems).ToString());
    }

    [Theory]
    [InlineData("v1")]
    [InlineData("v1beta1")]
    public void Every_field_comes_to_the_model(string version)
    {
        var world = new World(Object(
            """
            {selector: {matchLabels: {app: edge}}, jwtRules: [{issuer: "https://i", audiences: [a, b], jwksUri: "https://i/keys", timeout: 1.5s,
             fromHeaders: [{name: x-token, prefix: "Token "}], fromParams: [t], fromCookies: [c], outputPayloadToHeader: x-payload,
             outputClaimToHeaders: [{header: x-sub, claim: sub}], forwardOriginalToken: true, spaceDelimitedClaims: [roles]}]}
            """).Replace("/v1", $"/{version}", StringComparison.Ordinal));

        RequestAuthentication policy = Assert.Single(world.Mesh.Policies.RequestAuthentication);
        JwtRule rule = Assert.Single(policy.Rules);
        Assert.Equal("WorkloadSelector", policy.Scope.ToString());
        Assert.False(policy.Attached);
        Assert.Equal(
            "https://i a,b https://i/keys 1.5 x-token:Token  t c x-payload x-sub=sub True roles",
            FormattableString.Invariant($"{rule.Issuer} {string.Join(',', rule.Audiences)} {rule.JwksUri} {rule.Timeout?.TotalSeconds} {rule.FromHeaders[0].Name}:{rule.FromHeaders[0].Prefix} {rule.FromParams[0]} {rule.FromCookies[0]} {rule.OutputPayloadToHeader} {rule.OutputClaimToHeaders[0].Header}={rule.OutputClaimToHeaders[0].Claim} {rule.ForwardOriginalToken} {rule.SpaceDelimitedClaims[0]}"));
    }

    [Fact]
    public void One_with_mistakes_and_no_earlier_version_takes_no_token()
    {
        ManifestFile file = Read(Object("{targetRefs: [{kind: Service, name: web}], jwtRules: [{issuer: a, jwks: x, fromHeaders: [{name: x-token}], outputClaimToHeaders: [{header: x-sub, claim: sub}]}]}"));
        var world = new World();
        world.Translator.Apply(new ResourceEvent.Put(Assert.Single(file.Objects).Value.Object, new Origin("x.yaml", 1)));

        RequestAuthentication policy = Assert.Single(world.Mesh.Policies.RequestAuthentication);
        // Nobody's, wherever it stands; and what the policy meant only tokens to say is still said by nobody else.
        Assert.Equal("|||{\"keys\":[]} |x-token|x-sub|{\"keys\":[]}", string.Join(' ', policy.Rules.Select(rule =>
            $"{rule.Issuer}|{string.Join(',', rule.FromHeaders.Select(header => header.Name))}|{string.Join(',', rule.OutputClaimToHeaders.Select(output => output.Header))}|{rule.Jwks}")));
        Assert.Contains("has mistakes and no earlier version: refuses every token until it is mended", string.Join(' ', policy.Notes), StringComparison.Ordinal);
        Assert.Equal(new PolicyAttachment(PolicyAttachmentKind.Service, "default", "web"), Assert.Single(policy.Attachments));
    }

    [Fact]
    public void It_goes_with_its_manifest()
    {
        string manifest = Object("{jwtRules: [{issuer: a}]}");
        var world = new World(manifest);
        Assert.Single(world.Mesh.Policies.RequestAuthentication);

        world.Remove(manifest);
        Assert.Empty(world.Mesh.Policies.RequestAuthentication);
    }

    private static string Object(string spec) => $$"""
        apiVersion: security.istio.io/v1
        kind: RequestAuthentication
        metadata: {name: p, namespace: default}
        spec: {{spec.ReplaceLineEndings("")}}

        """;
}
