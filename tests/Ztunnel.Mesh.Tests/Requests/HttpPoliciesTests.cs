using System.Net;
using static Ztunnel.Mesh.Tests.Make;
using static Ztunnel.Mesh.Tests.Requests;

namespace Ztunnel.Mesh.Tests;

public sealed class HttpPoliciesTests
{
    [Fact]
    public void Custom_then_deny_then_allow()
    {
        AuthorizationPolicy custom = Policy(PolicyAction.Custom, Paths("/c*")), deny = Policy(PolicyAction.Deny, Paths("*d")), allow = Policy(PolicyAction.Allow, Paths("/a*", "/c*", "/d"));

        Assert.Equal("allowed", Judge(Policies(), "/x"));
        Assert.Equal("ExternalAuthorizerMissing", Judge(Policies(custom, deny, allow), "/cd"));
        Assert.Equal("DeniedByPolicy", Judge(Policies(custom, deny, allow), "/d"));
        Assert.Equal("NotAllowedByPolicy", Judge(Policies(custom, deny, allow), "/x"));
        Assert.Equal("allowed", Judge(Policies(custom, deny, allow), "/a"));
        Assert.Equal("allowed", Judge(Policies(custom, deny), "/x"));
    }

    [Fact]
    public void A_judgement_allocates_nothing()
    {
        var demands = new RequestMatcher[]
        {
            new RequestMatcher.Method([new TextPattern("GET")]),
            new RequestMatcher.Host([new TextPattern("b.example"), new TextPattern("*.example")]),
            Paths("/api/{*}/x", "/api/*"),
            new RequestMatcher.Claim(["realm", "roles"], [new TextPattern("admin")]),
            new RequestMatcher.RequestPrincipal([new RequestPrincipalPattern("issuer/*")]),
        };
        HttpPolicies policies = Policies(Policy(PolicyAction.Deny, Paths("/admin*", "/{*}/admin/{**}")), Policy(PolicyAction.Allow, demands));
        VerifiedToken token = Token("""{"iss": "issuer", "sub": "me", "realm": {"roles": ["user", "admin"]}}""");
        Assert.True(HttpPath.TryNormalize("/api/v1/products", out HttpPath path, out _));
        var headers = new NoHeaders();
        long before = 0;
        for (int i = 0; i < 101; i++)
        {
            if (i == 1)
                before = GC.GetAllocatedBytesForCurrentThread();
            var facts = new HttpAuthorizationFacts
            {
                Connection = new ConnectionFacts(EdgePod, default, 80, default, null),
                Method = "GET",
                Host = "a.example:8080",
                Path = path,
                Headers = headers,
                Token = token,
                RemoteAddress = default,
            };
            if (!policies.AuthorizeRequest(facts).Allowed)
                Assert.Fail("refused");
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public void Policies_hold_at_what_they_are_attached_to()
    {
        var waypoint = new GatewayName("default", "waypoint");
        MeshState mesh = State(
            EdgePod,
            new Gateway { Name = Edge, Ingress = true, Class = "istio" },
            new Gateway { Name = waypoint, Class = "istio-waypoint", Waypoint = new Waypoint { Target = new GatewayTarget.Address(IPAddress.Loopback) } });
        Put("gateway", "Gateway default/edge");
        Put("other-namespace", "Gateway far/edge");
        Put("waypoint", "Gateway default/waypoint");
        Put("class", "GatewayClass /istio-waypoint");
        Put("service", "Service default/web");
        Put("entry", "ServiceEntry default/web");
        Put("both", "Service default/web", "Gateway default/waypoint");
        Put("everyone");
        Put("selected", "app=edge");
        Put("not-selected", "app=web");

        Assert.Equal("everyone gateway selected", Held(Edge, EdgePod, null));
        Assert.Equal("gateway", Held(Edge, null, null));
        Assert.Equal("both class waypoint", Held(waypoint, null, null));
        Assert.Equal("both class service waypoint", Held(waypoint, null, new(PolicyAttachmentKind.Service, new ServiceName("default", "web"))));
        Assert.Equal("both class entry waypoint", Held(waypoint, null, new(PolicyAttachmentKind.ServiceEntry, new ServiceName("default", "web"))));
        Assert.Equal("both class waypoint", Held(waypoint, null, new(PolicyAttachmentKind.Service, new ServiceName("default", "db"))));

        mesh.Policies.RemoveAuthorization(new PolicyName("default", "waypoint"));
        mesh.Policies.RemoveRequestAuthentication(new PolicyName("default", "waypoint"));
        Put("both", "Gateway default/edge");
        Assert.Equal("class service", Held(waypoint, null, new(PolicyAttachmentKind.Service, new ServiceName("default", "web"))));
        Assert.Equal("both everyone gateway selected", Held(Edge, EdgePod, null));
        Assert.Equal("both everyone gateway", Held(Edge, EdgePod with { Labels = Labels("app=other") }, null));

        GatewayName[] both = [Edge, waypoint];
        Assert.Same(mesh.PoliciesFor(new HttpPolicyScope(both, EdgePod, null)), mesh.PoliciesFor(new HttpPolicyScope(both, EdgePod, null)));
        Assert.Equal("both class everyone gateway selected", string.Join(' ', mesh.PoliciesFor(new HttpPolicyScope(both, EdgePod, null)).Authorization.Select(policy => policy.Name.Name)));
        mesh.RemoveGateway(waypoint);
        Assert.Equal("both everyone gateway selected", string.Join(' ', mesh.PoliciesFor(new HttpPolicyScope(both, EdgePod, null)).Authorization.Select(policy => policy.Name.Name)));

        // What is attached is not about connections to the gateway's pod.
        mesh.Policies.RemoveAuthorization(new PolicyName("default", "everyone"));
        mesh.Policies.RemoveAuthorization(new PolicyName("default", "selected"));
        Assert.True(mesh.Authorize(ConnectionFacts.Of(EdgePod, IPEndPoint.Parse("10.244.2.7:80"), IPAddress.Loopback, null)).Allowed);

        void Put(string name, params string[] about)
        {
            StringMap selector = Labels(about is [var only] && only.Contains('=', StringComparison.Ordinal) ? only : "");
            PolicyAttachment[] attachments = [.. about.Where(text => text.Contains('/', StringComparison.Ordinal)).Select(text => text.Split(' ', '/')).Select(parts => new PolicyAttachment(Enum.Parse<PolicyAttachmentKind>(parts[0]), parts[1], parts[2]))];
            var policy = new PolicyName("default", name);
            mesh.Policies.Put(new AuthorizationPolicy
            {
                Name = policy,
                Scope = new PolicyScope("default", selector),
                Action = PolicyAction.Deny,
                Rules = [new AuthorizationRule<ConnectionFacts>([])],
                Attached = attachments.Length > 0,
                Attachments = [.. attachments],
                Enforcement = attachments.Length > 0 ? Enforcement.None : Enforcement.Full,
            });
            mesh.Policies.Put(new RequestAuthentication
            {
                Name = policy,
                Scope = new PolicyScope("default", selector),
                Rules = [new JwtRule { Policy = policy, Issuer = name }],
                Attached = attachments.Length > 0,
                Attachments = [.. attachments],
            });
        }

        string Held(GatewayName gateway, Workload? instance, HttpPolicyTarget? service)
        {
            HttpPolicies policies = mesh.PoliciesFor(new HttpPolicyScope([gateway], instance, service));
            string held = string.Join(' ', policies.Authorization.Select(policy => policy.Name.Name));
            Assert.Equal(held, string.Join(' ', policies.TokenRules.Select(rule => rule.Issuer)));
            return held;
        }
    }

    private sealed class NoHeaders : IRequestHeaders
    {
        public string? Find(string name) => null;
    }
}
