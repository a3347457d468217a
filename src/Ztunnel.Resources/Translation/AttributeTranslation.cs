using System.Collections.Immutable;
using Ztunnel.Mesh;

namespace Ztunnel.Resources;

/// <summary>Makes what a policy demands of single attributes into the model's form.</summary>
internal sealed class AttributeTranslation(string policyNamespace, TranslatorOptions options)
{
    private const string Scheme = "spiffe://";
    private const string HeaderKey = "request.headers[";
    private const string ClaimKey = "request.auth.claims[";

    /// <summary>Principals written as URIs, which match nobody.</summary>
    public SortedSet<string> PrincipalsWithScheme { get; } = new(StringComparer.Ordinal);

    /// <summary>The demand on an attribute of connections; null for one that they do not have.</summary>
    public AttributeMatcher? OfConnections(AttributeSpec attribute)
    {
        ValueArray<string> values = attribute.Values;
        bool negated = attribute.Negated;
        switch (attribute.Name)
        {
            case "principals" or "source.principal":
                PrincipalsWithScheme.UnionWith(values.Where(value => value.StartsWith(Scheme, StringComparison.Ordinal)));
                return new AttributeMatcher.Principal(Patterns(values.SelectMany(WithAliases))) { Negated = negated };
            case "namespaces" or "source.namespace":
                return new AttributeMatcher.Namespace(Patterns(values)) { Negated = negated };
            case "trustDomains" or "source.trustDomain":
                return new AttributeMatcher.TrustDomain(Patterns(values.SelectMany(AliasesOf))) { Negated = negated };
            case "serviceAccounts" or "source.serviceAccount":
                return new AttributeMatcher.ServiceAccount([.. values.Select(ServiceAccount)]) { Negated = negated };
            case "ipBlocks" or "source.ip":
                return new AttributeMatcher.SourceAddress(Ranges(values)) { Negated = negated };
            case "destination.ip":
                return new AttributeMatcher.DestinationAddress(Ranges(values)) { Negated = negated };
            case "ports" or "destination.port":
                return new AttributeMatcher.DestinationPort([.. values.Select(PolicyAttributes.Port).OfType<ushort>()]) { Negated = negated };
            default:
                return null;
        }
    }

    /// <summary>The demand on an attribute of requests or of their connections; null for one that is not known.</summary>
    public RequestMatcher? OfRequests(AttributeSpec attribute)
    {
        ValueArray<string> values = attribute.Values;
        bool negated = attribute.Negated;
        if (OfConnections(attribute) is { } connection)
            return new RequestMatcher.OfConnection(connection);
        return attribute.Name switch
        {
            "methods" => new RequestMatcher.Method(Patterns(values)) { Negated = negated },
            "hosts" => new RequestMatcher.Host(Patterns(values)) { Negated = negated },
            "paths" => new RequestMatcher.Path([.. values.Select(value => new PathPattern(value))]) { Negated = negated },
            "requestPrincipals" or "request.auth.principal" =>
                new RequestMatcher.RequestPrincipal([.. values.Select(value => new RequestPrincipalPattern(value))]) { Negated = negated },
            "request.auth.audiences" => new RequestMatcher.Audience(Patterns(values)) { Negated = negated },
            "request.auth.presenter" => new RequestMatcher.Presenter(Patterns(values)) { Negated = negated },
            "remoteIpBlocks" or "remote.ip" => new RequestMatcher.RemoteAddress(Ranges(values)) { Negated = negated },
            "connection.sni" => new RequestMatcher.ServerName(Patterns(values)) { Negated = negated },
            var name when name.StartsWith(HeaderKey, StringComparison.Ordinal) && name[HeaderKey.Length] != ':' =>
                new RequestMatcher.Header(name[HeaderKey.Length..^1], Patterns(values)) { Negated = negated },
            var name when name.StartsWith(ClaimKey, StringComparison.Ordinal) =>
                new RequestMatcher.Claim([.. name[ClaimKey.Length..^1].Split("][")], Patterns(values)) { Negated = negated },
            _ => null,
        };
    }

    private static ImmutableArray<TextPattern> Patterns(IEnumerable<string> values) =>
        [.. values.Distinct(StringComparer.Ordinal).Select(value => new TextPattern(value))];

    private static ImmutableArray<AddressRange> Ranges(ValueArray<string> values) => [.. values.Select(PolicyAttributes.Range).OfType<AddressRange>()];

    private (string Namespace, string Name) ServiceAccount(string value) =>
        value.Split('/') is [var @namespace, var name] ? (@namespace, name) : (policyNamespace, value);

    /// <summary>
    /// A principal in each of the mesh's trust domains, when it names one of them or <c>cluster.local</c>, which stands for the
    /// mesh's own (Istio's trust domain migration).
    /// </summary>
    private IEnumerable<string> WithAliases(string principal)
    {
        if (principal.Split('/') is not [var domain, var ns, var @namespace, var sa, var account] || domain == "*")
            return [principal];
        var pattern = new TextPattern(domain);
        bool own = domain == TranslatorOptions.LocalTrustDomain || options.TrustDomains.Any(known => pattern.Matches(known));
        return own
            ? options.TrustDomains.Select(known => pattern.Matches(known) ? principal : $"{known}/{ns}/{@namespace}/{sa}/{account}")
            : [principal];
    }

    private IEnumerable<string> AliasesOf(string trustDomain) =>
        options.TrustDomains.Contains(trustDomain, StringComparer.Ordinal) ? options.TrustDomains : [trustDomain];
}
