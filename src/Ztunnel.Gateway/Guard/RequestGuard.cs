using System.Net;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Extensions;
using Ztunnel.Mesh;

namespace Ztunnel.Gateway;

/// <summary>The guard by the policies of the mesh (Istio's RequestAuthentication and AuthorizationPolicy).</summary>
internal sealed class RequestGuard(MeshState mesh, GatewayPod pod, RequestAuthenticator authenticator, RequestObservations observations)
    : IRequestGuard
{
    private const int LongestRealm = 256;

    private static readonly GuardRefusal LowerCaseMethod =
        new(StatusCodes.Status400BadRequest, "", "MethodNotUpperCase", null, "the method is not in upper case, so that policies could not tell what it is");

    /// <inheritdoc/>
    public ValueTask<GuardDecision> Judge(HttpContext context, Entry entry, PortTable ports, string method, HttpPath path)
    {
        HttpPolicyScope scope = ScopeOf(pod, entry);
        if (entry is not Entry.Listener listener || ports.Find(listener.Port)?.ListenerFor(context.Request.Host.Host) is not { } asked)
            return Judge(mesh.PoliciesFor(scope), context, entry, method, path);
        scope = scope with { Gateway = asked.Gateway };
        return asked.SharedWith.Count == 0
            ? Judge(mesh.PoliciesFor(scope), context, entry, method, path)
            : JudgeByEach([asked.Gateway, .. asked.SharedWith], scope, context, entry, method, path);
    }

    /// <summary>Whose policies hold for what comes by an entry, before it is known which of the pod's Gateways is asked.</summary>
    internal static HttpPolicyScope ScopeOf(GatewayPod pod, Entry entry) => new(
        pod.Gateways,
        entry is Entry.Listener ? pod.Workload : null,
        entry is Entry.Tunnel { Service: { } service } ? TargetOf(service) : null);

    /// <summary>What policies about a service are attached to: for a host the ServiceEntry that it is of.</summary>
    private static HttpPolicyTarget TargetOf(Service service) => service.Entry is { } entry
        ? new HttpPolicyTarget(PolicyAttachmentKind.ServiceEntry, new ServiceName(service.Name.Namespace, entry.Name))
        : new HttpPolicyTarget(PolicyAttachmentKind.Service, service.Name);

    /// <summary>What is known of the connection.</summary>
    internal static ConnectionFacts ConnectionOf(Workload own, Entry entry) => entry switch
    {
        Entry.Tunnel tunnel => ConnectionFacts.Of(own, tunnel.Destination, tunnel.Client.Address, tunnel.Peer),
        Entry.Listener listener => ConnectionFacts.Of(
            own, new IPEndPoint(own.Addresses is [var address, ..] ? address : IPAddress.Any, listener.Port), listener.Client.Address, null),
        _ => throw new InvalidOperationException($"{entry} is no entry"),
    };

    private ValueTask<GuardDecision> Judge(HttpPolicies policies, HttpContext context, Entry entry, string method, HttpPath path)
    {
        if (policies.IsEmpty)
            return new ValueTask<GuardDecision>(GuardDecision.Unchanged);
        // As Istio refuses them: to a policy get is not GET, and to some backends it is.
        if (method.AsSpan().ContainsAnyInRange('a', 'z'))
            return new ValueTask<GuardDecision>(new GuardDecision { Refusal = LowerCaseMethod });
        return policies.TokenRules.IsEmpty
            ? new ValueTask<GuardDecision>(Authorize(policies, context, entry, method, path, AuthenticatedRequest.Anonymous))
            : AuthenticateFirst(policies, context, entry, method, path);
    }

    /// <summary>Where several Gateways serve the same hosts each has to let a request in.</summary>
    private async ValueTask<GuardDecision> JudgeByEach(
        GatewayName[] gateways, HttpPolicyScope scope, HttpContext context, Entry entry, string method, HttpPath path)
    {
        GuardDecision all = GuardDecision.Unchanged;
        foreach (GatewayName gateway in gateways)
        {
            GuardDecision one = await Judge(mesh.PoliciesFor(scope with { Gateway = gateway }), context, entry, method, path);
            if (one.Refusal is not null)
                return one;
            all = new GuardDecision { Headers = all.Headers.AddRange(one.Headers), Query = one.Query ?? all.Query };
        }

        return all;
    }

    private async ValueTask<GuardDecision> AuthenticateFirst(HttpPolicies policies, HttpContext context, Entry entry, string method, HttpPath path)
    {
        var headers = new RequestHeaders(context.Request.Headers);
        // A browser's question carries no token (Fetch, section 3.2.2).
        AuthenticatedRequest authenticated = CorsReply.IsPreflight(context.Request)
            ? RequestAuthenticator.Unverified(policies.TokenRules, headers)
            : await authenticator.Authenticate(policies.TokenRules, headers, context.Request.QueryString.Value ?? "", context.RequestAborted);
        return authenticated.Refusal is { } refusal
            ? new GuardDecision { Refusal = Unauthenticated(refusal, entry, context.Request) }
            : Authorize(policies, context, entry, method, path, authenticated);
    }

    private GuardDecision Authorize(
        HttpPolicies policies, HttpContext context, Entry entry, string method, HttpPath path, AuthenticatedRequest authenticated)
    {
        HttpRequest request = context.Request;
        ConnectionFacts connection = ConnectionOf(pod.Workload, entry);
        var headers = new RequestHeaders(request.Headers);
        var facts = new HttpAuthorizationFacts
        {
            Connection = connection,
            Method = method,
            Host = request.Host.Value,
            Path = path,
            // What only a valid token may say is judged as it will be sent on, not as the client sent it.
            Headers = authenticated.Headers.IsEmpty ? headers : new AmendedHeaders(headers, authenticated.Headers),
            Token = authenticated.Token,
            RemoteAddress = RemoteAddressOf(entry, connection, request),
            ServerName = entry is Entry.Listener listener ? listener.ServerName : null,
        };
        AuthorizationVerdict verdict = policies.AuthorizeRequest(facts);
        if (!verdict.Observations.IsEmpty)
            observations.Note(verdict.Observations, method, path, connection);
        if (verdict.Refusal is { } refusal)
            return new GuardDecision { Refusal = new GuardRefusal(StatusCodes.Status403Forbidden, "RBAC: access denied", refusal.Reason.ToString(), refusal.Policy, refusal.Detail) };
        return authenticated.Headers.IsEmpty && authenticated.Query is null
            ? GuardDecision.Unchanged
            : new GuardDecision { Headers = authenticated.Headers, Query = authenticated.Query };
    }

    /// <summary>
    /// Where a request comes from before the mesh: what a gateway of the mesh says it was, and nobody else's word. So no client can
    /// claim an address by sending the header itself.
    /// </summary>
    private NetworkAddress RemoteAddressOf(Entry entry, in ConnectionFacts connection, HttpRequest request)
    {
        bool fromGateway = entry is Entry.Tunnel tunnel && mesh.IsIngress(tunnel.Peer);
        if (!fromGateway || request.Headers["x-forwarded-for"] is not [.., { } forwarded])
            return connection.Source;
        string last = forwarded[(forwarded.LastIndexOf(',') + 1)..].Trim();
        return IPAddress.TryParse(last, out IPAddress? address) ? NetworkAddress.From(address) : connection.Source;
    }

    private static GuardRefusal Unauthenticated(TokenRefusal refusal, Entry entry, HttpRequest request)
    {
        string realm = UriHelper.BuildAbsolute(entry.Scheme, request.Host, request.PathBase, request.Path).Replace("\"", "%22", StringComparison.Ordinal);
        return new GuardRefusal(refusal.Status, refusal.Message, "TokenRefused", null, refusal.Message)
        {
            Challenge = $"Bearer realm=\"{(realm.Length > LongestRealm ? realm[..LongestRealm] : realm)}\", error=\"invalid_token\"",
        };
    }
}
