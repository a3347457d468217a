using System.Net;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Extensions;
using Ztunnel.Mesh;

namespace Ztunnel.Gateway;

/// <summary>The guard by the policies of the mesh (Istio's RequestAuthentication and AuthorizationPolicy).</summary>
internal sealed class RequestGuard(
    MeshState mesh, Func<IReadOnlyCollection<GatewayName>> gateways, Func<Workload> workload, RequestAuthenticator authenticator, RequestObservations observations)
    : IRequestGuard
{
    private const int LongestRealm = 256;

    private static readonly GuardRefusal LowerCaseMethod =
        new(StatusCodes.Status400BadRequest, "", "MethodNotUpperCase", null, "the method is not in upper case, so that policies could not tell what it is");

    /// <inheritdoc/>
    public ValueTask<GuardDecision> Judge(HttpContext context, Entry entry, HttpPath path)
    {
        HttpPolicies policies = mesh.PoliciesFor(ScopeOf(gateways(), workload(), entry));
        if (policies.IsEmpty)
            return new ValueTask<GuardDecision>(GuardDecision.Unchanged);
        // As Istio refuses them: to a policy get is not GET, and to some backends it is.
        if (context.Request.Method.AsSpan().ContainsAnyInRange('a', 'z'))
            return new ValueTask<GuardDecision>(new GuardDecision { Refusal = LowerCaseMethod });
        if (policies.TokenRules.IsEmpty || IsPreflight(context.Request))
            return new ValueTask<GuardDecision>(Authorize(policies, context, entry, path, AuthenticatedRequest.Anonymous));
        return AuthenticateFirst(policies, context, entry, path);
    }

    /// <summary>Whose policies hold for what comes by an entry.</summary>
    internal static HttpPolicyScope ScopeOf(IReadOnlyCollection<GatewayName> gateways, Workload own, Entry entry) => new(
        gateways,
        entry is Entry.Listener ? own : null,
        entry is Entry.Tunnel { Service: { } service } ? new HttpPolicyTarget(PolicyAttachmentKind.Service, service.Name) : null);

    /// <summary>What is known of the connection.</summary>
    internal static ConnectionFacts ConnectionOf(Workload own, Entry entry) => entry switch
    {
        Entry.Tunnel tunnel => ConnectionFacts.Of(own, tunnel.Destination, tunnel.Client.Address, tunnel.Peer),
        Entry.Listener listener => ConnectionFacts.Of(
            own, new IPEndPoint(own.Addresses is [var address, ..] ? address : IPAddress.Any, listener.Port), listener.Client.Address, null),
        _ => throw new InvalidOperationException($"{entry} is no entry"),
    };

    /// <summary>A question of a browser, which carries no token (Fetch, section 3.2.2).</summary>
    private static bool IsPreflight(HttpRequest request) =>
        HttpMethods.IsOptions(request.Method) && request.Headers.Origin.Count > 0 && request.Headers.AccessControlRequestMethod.Count > 0;

    private async ValueTask<GuardDecision> AuthenticateFirst(HttpPolicies policies, HttpContext context, Entry entry, HttpPath path)
    {
        AuthenticatedRequest authenticated = await authenticator.Authenticate(
            policies.TokenRules, new RequestHeaders(context.Request.Headers), context.Request.QueryString.Value ?? "", context.RequestAborted);
        return authenticated.Refusal is { } refusal
            ? new GuardDecision { Refusal = Unauthenticated(refusal, context.Request) }
            : Authorize(policies, context, entry, path, authenticated);
    }

    private GuardDecision Authorize(HttpPolicies policies, HttpContext context, Entry entry, HttpPath path, AuthenticatedRequest authenticated)
    {
        HttpRequest request = context.Request;
        ConnectionFacts connection = ConnectionOf(workload(), entry);
        var facts = new HttpAuthorizationFacts
        {
            Connection = connection,
            Method = request.Method,
            Host = request.Host.Value,
            Path = path,
            Headers = new RequestHeaders(request.Headers),
            Token = authenticated.Token,
            RemoteAddress = RemoteAddressOf(entry, connection, request),
            ServerName = entry is Entry.Listener listener ? listener.ServerName : null,
        };
        AuthorizationVerdict verdict = policies.AuthorizeRequest(facts);
        if (!verdict.Observations.IsEmpty)
            observations.Note(verdict.Observations, request.Method, path, connection);
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

    private static GuardRefusal Unauthenticated(TokenRefusal refusal, HttpRequest request)
    {
        string realm = UriHelper.BuildAbsolute(request.Scheme, request.Host, request.PathBase, request.Path).Replace("\"", "%22", StringComparison.Ordinal);
        return new GuardRefusal(refusal.Status, refusal.Message, "TokenRefused", null, refusal.Message)
        {
            Challenge = $"Bearer realm=\"{(realm.Length > LongestRealm ? realm[..LongestRealm] : realm)}\", error=\"invalid_token\"",
        };
    }
}
