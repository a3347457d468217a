using System.Net;
using System.Text.Json;
using static Ztunnel.Mesh.Tests.Make;

namespace Ztunnel.Mesh.Tests;

/// <summary>Requests through a gateway, and policies about them.</summary>
internal static class Requests
{
    public static readonly GatewayName Edge = new("default", "edge");
    public static readonly Workload EdgePod = Pod("edge", "10.244.2.7") with { Labels = Labels("app=edge"), Gateway = Edge };

    public static string Judge(HttpPolicies policies, string path, string method = "GET", string host = "a.example", VerifiedToken? token = null, params string[] headers)
    {
        if (!HttpPath.TryNormalize(path, out HttpPath normalized, out _))
            return "400";
        var facts = new HttpAuthorizationFacts
        {
            Connection = ConnectionFacts.Of(EdgePod, IPEndPoint.Parse("10.96.0.1:80"), IPAddress.Parse("10.0.1.1"), null),
            Method = method,
            Host = host,
            Path = normalized,
            Headers = new Headers(headers),
            Token = token,
            RemoteAddress = NetworkAddress.From(IPAddress.Parse("203.0.113.7")),
        };
        return policies.AuthorizeRequest(facts).Refusal is { } refusal ? refusal.Reason.ToString() : "allowed";
    }

    public static AuthorizationPolicy Policy(PolicyAction action, params RequestMatcher[] demands) => new()
    {
        Name = new PolicyName("default", $"{action}"),
        Scope = new PolicyScope("default", StringMap.Empty),
        Action = action,
        RequestRules = [new AuthorizationRule<HttpAuthorizationFacts>([new AuthorizationClause<HttpAuthorizationFacts>([[.. demands]])])],
    };

    public static RequestMatcher Paths(params string[] paths) => new RequestMatcher.Path([.. paths.Select(path => new PathPattern(path))]);

    public static HttpPolicies Policies(params AuthorizationPolicy[] policies) => new(policies, []);

    public static VerifiedToken Token(string payload)
    {
        using var json = JsonDocument.Parse(payload);
        return VerifiedToken.Of(json.RootElement);
    }

    private sealed class Headers(string[] headers) : IRequestHeaders
    {
        public string? Find(string name)
        {
            string[] values = [.. headers.Select(header => header.Split(": ")).Where(header => string.Equals(header[0], name, StringComparison.OrdinalIgnoreCase)).Select(header => header[1])];
            return values.Length == 0 ? null : string.Join(',', values);
        }
    }
}
