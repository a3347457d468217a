using Ztunnel.Mesh;

namespace Ztunnel.Resources;

/// <summary>Reads the bodies of TLSRoutes and TCPRoutes, which have one rule that is about backends only.</summary>
internal static class StreamRouteReader
{
    public static TlsRouteObject ReadTls(ObjectMetadata metadata, Field root)
    {
        Field spec = root["spec"].Also(RouteReader.OfSpecs);
        return new TlsRouteObject
        {
            Metadata = metadata,
            Parents = RouteReader.Parents(spec["parentRefs"]),
            Hostnames = RouteReader.Hostnames(spec["hostnames"]),
            Rules = Rules(spec["rules"]),
        };
    }

    public static TcpRouteObject ReadTcp(ObjectMetadata metadata, Field root)
    {
        Field spec = root["spec"].Also(RouteReader.OfSpecs);
        return new TcpRouteObject
        {
            Metadata = metadata,
            Parents = RouteReader.Parents(spec["parentRefs"]),
            Rules = Rules(spec["rules"]),
        };
    }

    private static ValueArray<RouteRule> Rules(Field rules)
    {
        if (rules.Items().Count() != 1)
            rules.Problem("must hold exactly one rule");
        return [.. rules.Items().Select(Rule)];
    }

    private static RouteRule Rule(Field field)
    {
        var rule = new RouteRule
        {
            Name = RouteReader.RuleName(field["name"]),
            Backends = RouteReader.Backends(field["backendRefs"], grpc: false),
        };
        if (rule.Backends.Any(backend => backend.Filters.Count > 0))
            field["backendRefs"].Problem("may not have filters: what is relayed is not looked into");
        return rule;
    }
}
