using System.Net;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging.Abstractions;
using Ztunnel.Mesh;

namespace Ztunnel.Gateway.Tests;

public sealed class RequestGuardTests : IDisposable
{
    private static readonly GatewayName Edge = new("default", "edge");
    private static readonly SpiffeId Shop = SpiffeId.Create("cluster.local", "shop", "cart");
    private static readonly Service Web = new() { Name = new ServiceName("default", "web"), Hostname = "web.default.svc.cluster.local" };
    private static readonly Workload Pod = new()
    {
        Uid = "uid-edge",
        Name = "edge",
        Namespace = "default",
        ServiceAccount = "edge",
        Identity = SpiffeId.Create("cluster.local", "default", "edge"),
        Addresses = [IPAddress.Parse("10.0.0.1")],
        Node = "node-a",
        Gateway = Edge,
    };

    private readonly AuthenticationWorld _world = new();
    private readonly MeshState _mesh = new();
    private readonly RequestObservations _observations = new(NullLogger.Instance);
    private readonly GatewayPod _pod = new(Pod) { Gateways = [Edge] };
    private readonly RequestGuard _guard;

    public RequestGuardTests()
    {
        _mesh.Put(Pod);
        _mesh.Put(new Mesh.Gateway { Name = Edge, Ingress = true });
        _guard = new RequestGuard(_mesh, _pod, _world.Authenticator, _observations);
    }

    public void Dispose() => _world.Dispose();

    [Fact]
    public async Task Without_policies_a_request_is_let_through_unchanged()
    {
        Assert.Same(GuardDecision.Unchanged, await Judge("get /"));
    }

    [Fact]
    public async Task A_denied_path_is_answered_as_envoy_does()
    {
        Put(PolicyAction.Deny, new RequestMatcher.Path([new PathPattern("/status/418")]));

        Assert.Equal(new GuardRefusal(403, "RBAC: access denied", "DeniedByPolicy", new PolicyName("default", "Deny"), "explicitly denied by: default/Deny"), (await Judge("GET /status/%34%31%38")).Refusal);
        Assert.Null((await Judge("GET /status/200")).Refusal);
        Assert.Equal(400, (await Judge("get /status/200")).Refusal?.Status);
    }

    [Fact]
    public async Task A_token_is_verified_then_its_claims_are_judged_and_it_is_not_sent_on()
    {
        PutTokens();
        Put(PolicyAction.Allow, new RequestMatcher.Claim(["groups"], [new TextPattern("staff")]));

        GuardDecision allowed = await Judge("GET /", $"authorization: Bearer {_world.Good(",\"groups\":[\"staff\"]")}");
        Assert.Null(allowed.Refusal);
        Assert.Equal([new RequestHeader("authorization", null)], allowed.Headers.AsEnumerable());
        Assert.Equal("403 RBAC: access denied", Said(await Judge("GET /", $"authorization: Bearer {_world.Good(",\"groups\":[\"guests\"]")}")));
        Assert.Equal("403 RBAC: access denied", Said(await Judge("GET /")));
        Assert.Equal("401 Jwt is expired", Said(await Judge("GET /x%22y", $"authorization: Bearer {_world.Good(",\"exp\":1")}")));
    }

    [Fact]
    public async Task A_refused_token_is_asked_for_again_and_no_policy_is_needed_for_that()
    {
        PutTokens();

        Assert.Same(GuardDecision.Unchanged, await Judge("GET /"));
        GuardRefusal refusal = (await Judge("GET /a", "authorization: Bearer x"))!.Refusal!;
        Assert.Equal((401, "Bearer realm=\"http://a.example/a\", error=\"invalid_token\""), (refusal.Status, refusal.Challenge));
        Assert.Null((await Judge("OPTIONS /a", "authorization: Bearer x", "origin: https://b.example", "access-control-request-method: GET")).Refusal);
    }

    [Fact]
    public async Task Headers_that_only_a_token_may_speak_are_judged_as_the_token_says()
    {
        PutTokens(new JwtRule { Policy = _world.Rule.Policy, Issuer = AuthenticationWorld.Name, Jwks = _world.Rule.Jwks, OutputClaimToHeaders = [new JwtClaimHeader("x-role", "role")] });
        Put(PolicyAction.Allow, new RequestMatcher.Header("x-role", [new TextPattern("admin")]));
        string admin = $"authorization: Bearer {_world.Good(",\"role\":\"admin\"")}", guest = $"authorization: Bearer {_world.Good(",\"role\":\"guest\"")}";

        Assert.Equal("", Said(await Judge("GET /", admin)));
        Assert.Equal("403 RBAC: access denied", Said(await Judge("GET /", "x-role: admin")));
        Assert.Equal("403 RBAC: access denied", Said(await Judge("GET /", guest, "x-role: admin")));
        Assert.Equal("403 RBAC: access denied", Said(await Judge("OPTIONS /", "x-role: admin", "origin: https://b.example", "access-control-request-method: GET")));
    }

    [Fact]
    public async Task A_policy_of_one_gateway_is_about_its_own_listeners_only()
    {
        GatewayName inner = new("default", "inner"), shared = new("default", "shared");
        _pod.Gateways = [Edge, inner, shared];
        _pod.Ports = new PortTable(
            HttpPort.Of([Gateway(Edge, "a.example"), Gateway(inner, "inner.example"), Gateway(shared, "inner.example")]), port => [port]);
        Put(PolicyAction.Allow, new RequestMatcher.Path([new PathPattern("/a")]), new PolicyAttachment(PolicyAttachmentKind.Gateway, "default", "edge"));
        Put(PolicyAction.Allow, new RequestMatcher.Path([new PathPattern("/b"), new PathPattern("/c")]), new PolicyAttachment(PolicyAttachmentKind.Gateway, "default", "inner"));
        Put(PolicyAction.Allow, new RequestMatcher.Path([new PathPattern("/c"), new PathPattern("/d")]), new PolicyAttachment(PolicyAttachmentKind.Gateway, "default", "shared"));

        Assert.Equal("a", await AllowedAt("a.example"));
        // Both Gateways have that host: each has to let the request in.
        Assert.Equal("c", await AllowedAt("inner.example"));

        async Task<string> AllowedAt(string host)
        {
            string allowed = "";
            foreach (char path in "abcd")
            {
                DefaultHttpContext context = Context($"GET /{path}");
                context.Request.Host = new HostString(host);
                if ((await _guard.Judge(context, Listener(), _pod.Ports, "GET", Path($"/{path}"))).Refusal is null)
                    allowed += path;
            }

            return allowed;
        }

        static HttpGateway Gateway(GatewayName name, string host) => new()
        {
            Name = name,
            Listeners = [new Mesh.HttpListener { Gateway = name, Name = "http", Port = 80, Hostname = HostnamePattern.Of(host) }],
        };
    }

    [Fact]
    public async Task A_request_is_changed_as_decided()
    {
        PutTokens();
        DefaultHttpContext context = Context("GET /", "x-a: b");
        context.Request.QueryString = new QueryString($"?a=b&access_token={_world.Good()}");

        GuardDecision decision = await _guard.Judge(context, Listener(), _pod.Ports, "GET", Path("/"));
        new GuardDecision { Headers = [new RequestHeader("x-a", null), new RequestHeader("x-b", "c")] }.ApplyTo(context.Request.Headers);

        Assert.Equal("a=b", decision.Query);
        Assert.False(context.Request.Headers.ContainsKey("x-a"));
        Assert.Equal("c", context.Request.Headers["x-b"]);
    }

    [Fact]
    public async Task At_a_waypoint_the_callers_identity_and_the_service_count()
    {
        _mesh.Put(new Mesh.Gateway { Name = Edge, Waypoint = new Waypoint { Target = new GatewayTarget.Address(IPAddress.Loopback) } });
        Put(PolicyAction.Deny, new RequestMatcher.OfConnection(new AttributeMatcher.Namespace([new TextPattern("shop")])), new PolicyAttachment(PolicyAttachmentKind.Service, "default", "web"));
        var tunnel = new Entry.Tunnel(Shop, IPEndPoint.Parse("10.96.0.1:80"), Web) { Client = IPEndPoint.Parse("10.0.0.9:1") };

        Assert.Equal("403 RBAC: access denied", Said(await Judge("GET /", tunnel)));
        Assert.Equal("", Said(await Judge("GET /", tunnel with { Peer = Pod.Identity })));
        Assert.Equal("", Said(await Judge("GET /", tunnel with { Service = null })));
        Assert.Equal("", Said(await Judge("GET /", tunnel with { Service = Web with { Name = new ServiceName("default", "db") } })));
    }

    [Fact]
    public async Task Where_a_request_comes_from_only_the_meshs_gateways_are_believed()
    {
        var waypoint = new GatewayName("default", "waypoint");
        _mesh.Put(new Mesh.Gateway { Name = waypoint, Waypoint = new Waypoint { Target = new GatewayTarget.Address(IPAddress.Loopback) } });
        Put(PolicyAction.Deny, new RequestMatcher.RemoteAddress([new AddressRange(IPAddress.Parse("203.0.113.7"))]), new PolicyAttachment(PolicyAttachmentKind.Gateway, "default", "waypoint"));
        var guard = new RequestGuard(_mesh, new GatewayPod(Pod) { Gateways = [waypoint] }, _world.Authenticator, _observations);
        var fromEdge = new Entry.Tunnel(Pod.Identity, IPEndPoint.Parse("10.96.0.1:80"), Web) { Client = IPEndPoint.Parse("10.0.0.1:1") };

        Assert.Equal("403 RBAC: access denied", Said(await guard.Judge(Context("GET /", "x-forwarded-for: 10.9.9.9, 203.0.113.7"), fromEdge, PortTable.Empty, "GET", Path("/"))));
        Assert.Equal("", Said(await guard.Judge(Context("GET /", "x-forwarded-for: 203.0.113.7, 10.9.9.9"), fromEdge, PortTable.Empty, "GET", Path("/"))));
        Assert.Equal("", Said(await guard.Judge(Context("GET /", "x-forwarded-for: 203.0.113.7"), fromEdge with { Peer = Shop }, PortTable.Empty, "GET", Path("/"))));
    }

    [Fact]
    public async Task What_is_only_tried_out_is_counted()
    {
        AuthorizationPolicy policy = Put(PolicyAction.Deny, new RequestMatcher.Path([new PathPattern("/a")]), dryRun: true);

        Assert.Equal("", Said(await Judge("GET /a")));
        Assert.Equal("", Said(await Judge("GET /b")));
        Assert.Equal("", Said(await Judge("GET /b")));
        Assert.Equal((2, 1, 0), _observations.Of(policy));
    }

    private static string Said(GuardDecision decision) => decision.Refusal is { } refusal ? $"{refusal.Status} {refusal.Body}" : "";

    private static Entry.Listener Listener() => new(80, null, Tls: false) { Client = IPEndPoint.Parse("198.51.100.7:4000") };

    private static HttpPath Path(string path)
    {
        Assert.True(HttpPath.TryNormalize(path, out HttpPath normalized, out _));
        return normalized;
    }

    private static DefaultHttpContext Context(string request, params string[] headers)
    {
        var context = new DefaultHttpContext();
        context.Request.Method = request.Split(' ')[0];
        context.Request.Scheme = "http";
        context.Request.Host = new HostString("a.example");
        context.Request.Path = request.Split(' ')[1];
        foreach (string header in headers)
            context.Request.Headers.Append(header.Split(": ", 2)[0], header.Split(": ", 2)[1]);
        return context;
    }

    private ValueTask<GuardDecision> Judge(string request, params string[] headers) =>
        _guard.Judge(Context(request, headers), Listener(), _pod.Ports, request.Split(' ')[0], Path(request.Split(' ')[1]));

    private ValueTask<GuardDecision> Judge(string request, Entry entry) => _guard.Judge(Context(request), entry, _pod.Ports, request.Split(' ')[0], Path(request.Split(' ')[1]));

    private void PutTokens(JwtRule? rule = null) => _mesh.Policies.Put(new RequestAuthentication
    {
        Name = new PolicyName("default", "jwt"),
        Scope = new PolicyScope("default", StringMap.Empty),
        Rules = [rule ?? _world.Rule],
    });

    private AuthorizationPolicy Put(PolicyAction action, RequestMatcher demand, PolicyAttachment? attachment = null, bool dryRun = false)
    {
        var policy = new AuthorizationPolicy
        {
            Name = new PolicyName("default", attachment is null ? $"{action}" : $"{action}-{attachment.Name}"),
            Scope = new PolicyScope("default", StringMap.Empty),
            Action = action,
            DryRun = dryRun,
            RequestRules = [new AuthorizationRule<HttpAuthorizationFacts>([new AuthorizationClause<HttpAuthorizationFacts>([[demand]])])],
            Attached = attachment is not null,
            Attachments = attachment is null ? [] : [attachment],
        };
        _mesh.Policies.Put(policy);
        return policy;
    }
}
