using Ztunnel.Mesh;

namespace Ztunnel.Resources;

/// <summary>Reads the body of a GRPCRoute.</summary>
internal static class GrpcRouteReader
{
    private static readonly IReadOnlySet<string> OfMethods = Field.Names("type");

    private static readonly PathMatch AnyCall = new PathMatch.GrpcMethod(null, null);

    public static GrpcRouteObject Read(ObjectMetadata metadata, Field root)
    {
        Field spec = root["spec"].Also(RouteReader.OfSpecs);
        Field[] rules = [.. spec["rules"].Items()];
        return new GrpcRouteObject
        {
            Metadata = metadata,
            Parents = RouteReader.Parents(spec["parentRefs"]),
            Hostnames = RouteReader.Hostnames(spec["hostnames"]),
            Rules = [.. rules.Select(ReadRule)],
        };
    }

    private static RouteRule ReadRule(Field field)
    {
        HttpMatch[] matches = [.. field["matches"].Items().Select(ReadMatch)];
        return new RouteRule
        {
            Name = RouteReader.RuleName(field.Also(RouteReader.OfRules)["name"]),
            Matches = matches.Length == 0 ? [new HttpMatch { Path = AnyCall }] : [.. matches],
            Filters = FilterReader.Read(field["filters"], grpc: true),
            Backends = RouteReader.Backends(field["backendRefs"], grpc: true),
        };
    }

    private static HttpMatch ReadMatch(Field field) => new()
    {
        Path = ReadMethod(field["method"]),
        Headers = RouteReader.Named(field["headers"], StringComparer.OrdinalIgnoreCase),
    };

    private static PathMatch ReadMethod(Field field)
    {
        if (!field.Present)
            return AnyCall;
        ValueMatch? service = Part(field.Also(OfMethods), "service"), method = Part(field, "method");
        if (!field["service"].Present && !field["method"].Present)
            field.Problem("needs a service or a method");
        return new PathMatch.GrpcMethod(service, method);
    }

    private static ValueMatch? Part(Field field, string name) =>
        field[name].Present && field[name].Text() is { Length: > 0 } ? RouteReader.Value(field["type"], field[name]) : null;
}
