using Ztunnel.Mesh;

namespace Ztunnel.Resources;

/// <summary>Reads the body of an HTTPRoute, checks it as the API server would, and applies its defaults.</summary>
internal static class HttpRouteReader
{
    private const int MaxAttempts = 1000;

    private enum PathType
    {
        Exact,
        PathPrefix,
        RegularExpression,
    }

    private static readonly Dictionary<string, PathType> PathTypes = Enum.GetValues<PathType>().ToDictionary(type => type.ToString(), StringComparer.Ordinal);

    private static readonly Dictionary<string, int> Methods = new[] { "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH" }
        .Index().ToDictionary(method => method.Item, method => method.Index, StringComparer.Ordinal);

    public static HttpRouteObject Read(ObjectMetadata metadata, Field root)
    {
        Field spec = root["spec"].Also(RouteReader.OfSpecs);
        Field[] rules = [.. spec["rules"].Items()];
        return new HttpRouteObject
        {
            Metadata = metadata,
            Parents = RouteReader.Parents(spec["parentRefs"]),
            Hostnames = RouteReader.Hostnames(spec["hostnames"]),
            Rules = rules.Length == 0 ? [new RouteRule { Matches = [new HttpMatch()] }] : [.. rules.Select(ReadRule)],
        };
    }

    private static RouteRule ReadRule(Field field)
    {
        HttpMatch[] matches = [.. field["matches"].Items().Select(ReadMatch)];
        var rule = new RouteRule
        {
            Name = RouteReader.RuleName(field.Also(RouteReader.OfRules)["name"]),
            Matches = matches.Length == 0 ? [new HttpMatch()] : [.. matches],
            Filters = FilterReader.Read(field["filters"], grpc: false),
            Backends = RouteReader.Backends(field["backendRefs"], grpc: false),
            RequestTimeout = ReadTimeout(field["timeouts"]["request"]),
            BackendTimeout = ReadTimeout(field["timeouts"]["backendRequest"]),
            Retry = ReadRetry(field["retry"]),
        };
        if (rule is { RequestTimeout: { } whole, BackendTimeout: { } each } && each > whole)
            field["timeouts"]["backendRequest"].Problem("may not be longer than timeouts.request");
        CheckFilters(field, rule);
        return rule;
    }

    /// <summary>What the filters of a rule ask of the rest of it.</summary>
    private static void CheckFilters(Field field, RouteRule rule)
    {
        HttpFilter[] filters = [.. rule.Filters.Concat(rule.Backends.SelectMany(backend => backend.Filters)).OfType<RouteFilter.Complete>().Select(filter => filter.Filter)];
        bool redirects = rule.Filters.Any(filter => filter is RouteFilter.Complete { Filter: HttpFilter.Redirect });
        if (redirects && rule.Backends.Count > 0)
            field["backendRefs"].Problem("may not be given where a filter redirects");
        bool replacesPrefix = filters.Any(filter => filter is HttpFilter.Redirect { Path: PathChange.Prefix } or HttpFilter.UrlRewrite { Path: PathChange.Prefix });
        if (replacesPrefix && rule.Matches is not [{ Path: PathMatch.Prefix }])
            field["matches"].Problem("must be exactly one, of a PathPrefix, where a filter replaces the prefix");
    }

    private static HttpMatch ReadMatch(Field field) => new()
    {
        Path = ReadPath(field["path"]) ?? PathMatch.Everything,
        Method = ReadMethod(field["method"]),
        Headers = RouteReader.Named(field["headers"], StringComparer.OrdinalIgnoreCase),
        Query = RouteReader.Named(field["queryParams"], StringComparer.Ordinal),
    };

    private static string? ReadMethod(Field field) => field.OneOf(Methods) is null ? null : field.Text();

    private static PathMatch? ReadPath(Field field)
    {
        PathType type = field["type"].OneOf(PathTypes) ?? PathType.PathPrefix;
        Field value = field["value"];
        if (type == PathType.RegularExpression)
            return value.Text() is { } expression && RouteReader.Expression(value, expression) is { } match ? new PathMatch.Expression(match) : null;
        string? path = value.Present ? value.Text(PathSyntax.Fault) : "/";
        if (path is null)
            return null;
        return type == PathType.Exact ? new PathMatch.Exact(path) : new PathMatch.Prefix(path);
    }

    /// <summary>A timeout; null for none, which 0s is too.</summary>
    private static TimeSpan? ReadTimeout(Field field) => field.Duration() is { } duration && duration > TimeSpan.Zero ? duration : null;

    private static RetryPolicy? ReadRetry(Field field) => !field.Present ? null : new RetryPolicy
    {
        Codes = [.. field["codes"].Items().Select(code => code.Number(400, 599, "a status from 400 to 599")).OfType<int>()],
        Attempts = field["attempts"].Number(0, MaxAttempts, $"a number from 0 to {MaxAttempts}"),
        Backoff = field["backoff"].Duration(),
    };
}
