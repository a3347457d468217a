using Ztunnel.Mesh;

namespace Ztunnel.Resources;

/// <summary>Reads the filters of routes.</summary>
internal static class FilterReader
{
    private const int DefaultMaxAge = 5;

    // Which of these a filter or a change has is a matter of its type.
    private static readonly IReadOnlySet<string> OfFilters = Field.Names(
        "requestHeaderModifier", "responseHeaderModifier", "requestMirror", "requestRedirect", "urlRewrite", "cors", "externalAuth", "extensionRef");

    private static readonly IReadOnlySet<string> OfPathChanges = Field.Names("replaceFullPath", "replacePrefixMatch");

    private enum Type
    {
        RequestHeaderModifier,
        ResponseHeaderModifier,
        RequestMirror,
        RequestRedirect,
        URLRewrite,
        CORS,
        ExternalAuth,
        ExtensionRef,
    }

    private static readonly Dictionary<string, Type> Types = Enum.GetValues<Type>().ToDictionary(type => type.ToString(), StringComparer.Ordinal);

    private static readonly Dictionary<string, Type> GrpcTypes = Types
        .Where(type => type.Value is Type.RequestHeaderModifier or Type.ResponseHeaderModifier or Type.RequestMirror or Type.ExtensionRef)
        .ToDictionary(StringComparer.Ordinal);

    private static readonly Dictionary<string, bool> IsPrefixChange = new(StringComparer.Ordinal) { ["ReplaceFullPath"] = false, ["ReplacePrefixMatch"] = true };

    private static readonly Dictionary<string, string> Schemes = new(StringComparer.Ordinal) { ["http"] = "http", ["https"] = "https" };

    private static readonly int[] RedirectStatuses = [301, 302, 303, 307, 308];

    public static ValueArray<RouteFilter> Read(Field filters, bool grpc)
    {
        var read = new List<RouteFilter>();
        var seen = new HashSet<Type>();
        foreach (Field field in filters.Items())
        {
            Type? type = field.Also(OfFilters)["type"].OneOf(grpc ? GrpcTypes : Types);
            if (!field["type"].Present)
                field["type"].Problem("is required");
            if (type is not { } known)
                continue;
            if (known is not (Type.RequestMirror or Type.ExtensionRef) && !seen.Add(known))
                field["type"].Problem($"{known} may be given once only");
            if (ReadFilter(known, field, grpc) is { } filter)
                read.Add(filter);
        }

        if (seen.Contains(Type.RequestRedirect) && seen.Contains(Type.URLRewrite))
            filters.Problem("may not hold both a RequestRedirect and a URLRewrite");
        return [.. read];
    }

    private static RouteFilter? ReadFilter(Type type, Field field, bool grpc) => type switch
    {
        Type.RequestHeaderModifier => Complete(new HttpFilter.RequestHeaders(ReadHeaders(Body(field, "requestHeaderModifier")))),
        Type.ResponseHeaderModifier => Complete(new HttpFilter.ResponseHeaders(ReadHeaders(Body(field, "responseHeaderModifier")))),
        Type.RequestRedirect => Complete(ReadRedirect(Body(field, "requestRedirect"))),
        Type.URLRewrite => Complete(ReadRewrite(Body(field, "urlRewrite"))),
        Type.CORS => Complete(new HttpFilter.Cors(ReadCors(Body(field, "cors")))),
        Type.RequestMirror => ReadMirror(Body(field, "requestMirror"), grpc),
        Type.ExtensionRef => ReadExtension(Body(field, "extensionRef")),
        _ => new RouteFilter.Unsupported(type.ToString()),
    };

    private static RouteFilter.Complete Complete(HttpFilter filter) => new(filter);

    private static Field Body(Field field, string name)
    {
        if (!field[name].Present)
            field[name].Problem("is required with this type of filter");
        return field[name];
    }

    private static HeaderChange ReadHeaders(Field field)
    {
        var change = new HeaderChange
        {
            Set = [.. field["set"].Items().Select(ReadHeader).OfType<HeaderValue>()],
            Add = [.. field["add"].Items().Select(ReadHeader).OfType<HeaderValue>()],
            Remove = [.. field["remove"].Items().Select(name => name.RequiredText(HeaderSyntax.NameFault)).OfType<string>()],
        };
        IEnumerable<string> names = change.Set.Select(header => header.Name).Concat(change.Add.Select(header => header.Name)).Concat(change.Remove);
        if (names.GroupBy(name => name, StringComparer.OrdinalIgnoreCase).FirstOrDefault(group => group.Count() > 1) is { } twice)
            field.Problem($"may say one thing only of header {twice.Key}");
        return change;
    }

    private static HeaderValue? ReadHeader(Field field)
    {
        string? name = field["name"].RequiredText(HeaderSyntax.NameFault);
        if (!field["value"].Present)
            field["value"].Problem("is required");
        return name is not null && field["value"].Text(HeaderSyntax.ValueFault) is { } value ? new HeaderValue(name, value) : null;
    }

    private static HttpFilter.Redirect ReadRedirect(Field field)
    {
        int? status = field["statusCode"].Number(0, int.MaxValue, "a status");
        if (status is { } given && !RedirectStatuses.Contains(given))
            field["statusCode"].Expected(string.Join(" or ", RedirectStatuses));
        return new HttpFilter.Redirect
        {
            Scheme = field["scheme"].Present && field["scheme"].Text(scheme => Schemes.ContainsKey(scheme) ? null : "must be http or https") is { } text ? text : null,
            Hostname = PreciseHostname(field["hostname"]),
            Path = ReadPathChange(field["path"]),
            Port = field["port"].PortNumber(),
            StatusCode = status ?? 302,
        };
    }

    private static HttpFilter.UrlRewrite ReadRewrite(Field field) => new(PreciseHostname(field["hostname"]), ReadPathChange(field["path"]));

    private static string? PreciseHostname(Field field)
    {
        string? hostname = HostnameReader.Read(field);
        if (hostname is ['*', ..])
            field.Problem("may not be a wildcard");
        return hostname;
    }

    private static PathChange? ReadPathChange(Field field)
    {
        if (!field.Present)
            return null;
        if (!field["type"].Present)
            field["type"].Problem("is required");
        if (field.Also(OfPathChanges)["type"].OneOf(IsPrefixChange) is not { } prefix)
            return null;
        Field value = field[prefix ? "replacePrefixMatch" : "replaceFullPath"];
        if (!value.Present)
            value.Problem("is required with this type");
        string path = value.Text(HeaderSyntax.ValueFault) ?? "";
        return prefix ? new PathChange.Prefix(path) : new PathChange.Full(path);
    }

    private static CorsPolicy ReadCors(Field field) => new()
    {
        AllowOrigins = Texts(field["allowOrigins"]),
        AllowMethods = Texts(field["allowMethods"]),
        AllowHeaders = Texts(field["allowHeaders"]),
        ExposeHeaders = Texts(field["exposeHeaders"]),
        AllowCredentials = field["allowCredentials"].Flag() ?? false,
        MaxAge = field["maxAge"].Number(1, int.MaxValue, "a number of seconds from 1") ?? DefaultMaxAge,
    };

    private static ValueArray<string> Texts(Field list) => [.. list.Items().Select(item => item.RequiredText(HeaderSyntax.ValueFault)).OfType<string>()];

    private static RouteFilter.Mirror? ReadMirror(Field field, bool grpc)
    {
        if (!field["backendRef"].Present)
            field["backendRef"].Problem("is required");
        if (field["percent"].Present && field["fraction"].Present)
            field["fraction"].Problem("may not be given beside percent");
        int? percent = field["percent"].Number(0, 100, "a number from 0 to 100");
        int denominator = field["fraction"]["denominator"].Number(1, int.MaxValue, "a number from 1") ?? 100;
        int numerator = percent ?? field["fraction"]["numerator"].Number(0, int.MaxValue, "a number from 0") ?? (field["fraction"].Present ? 0 : 100);
        if (numerator > denominator)
            field["fraction"].Problem("may not be more than 1");
        return RouteReader.Backend(field["backendRef"], grpc) is { } backend ? new RouteFilter.Mirror(backend, numerator, percent is null ? denominator : 100) : null;
    }

    private static RouteFilter.Extension ReadExtension(Field field) =>
        new(field["group"].Text() ?? "", field["kind"].RequiredText() ?? "", field["name"].RequiredText() ?? "");
}
