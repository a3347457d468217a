using System.Globalization;

namespace Ztunnel.Mesh.Tests;

/// <summary>
/// Route tables from a few words. A rule is <c>name[@hour] [host=..] [path|=path|~path|grpc:service/method] [METHOD] [h:name=value] [q:name=value]</c>
/// and says its name back; <c>name</c> may be <c>namespace/name</c>.
/// </summary>
internal static class Routes
{
    public static HttpRouteTable Table(params string[] rules) => new(rules.Select(Parse));

    public static HttpRouteMatch Parse(string text, int index)
    {
        string[] words = text.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        string[] identity = words[0].Split('@');
        string[] names = identity[0].Split('/');
        HttpMatch match = words.Skip(1).Aggregate(new HttpMatch(), Add);
        var route = new RouteName(match.Path is PathMatch.GrpcMethod ? RouteKind.Grpc : RouteKind.Http, names.Length > 1 ? names[0] : "default", names[^1]);
        return new HttpRouteMatch(
            HostnamePattern.Of(words.FirstOrDefault(word => word.StartsWith("host=", StringComparison.Ordinal))?[5..]),
            match,
            new HttpRule { Route = route, Name = identity[0], Index = index, Created = identity.Length > 1 ? At(identity[1]) : null },
            0);
    }

    /// <summary>The name of the rule for a request, <c>METHOD host/path?query h:name=value</c>; null where there is none.</summary>
    public static string? For(this HttpRouteTable table, string request)
    {
        string[] words = request.Split(' ');
        int slash = words[1].IndexOf('/', StringComparison.Ordinal);
        string[] target = words[1][slash..].Split('?', 2);
        var headers = new Headers(words.Skip(2).Where(word => word.StartsWith("h:", StringComparison.Ordinal)).Select(word => word[2..].Split('=', 2)).ToDictionary(pair => pair[0], pair => pair[1], StringComparer.OrdinalIgnoreCase));
        return table.Match(new HttpRequestFacts
        {
            Method = words[0],
            Host = words[1].AsSpan(0, slash),
            Path = target[0],
            Query = target.Length > 1 ? target[1] : "",
            Headers = headers,
        })?.Rule.Name;
    }

    private static DateTimeOffset At(string hour) => DateTimeOffset.UnixEpoch.AddHours(int.Parse(hour, CultureInfo.InvariantCulture));

    private static HttpMatch Add(HttpMatch match, string word) => word switch
    {
        ['h', ':', .. var header] => match with { Headers = [.. match.Headers, Named(header)] },
        ['q', ':', .. var parameter] => match with { Query = [.. match.Query, Named(parameter)] },
        ['/', ..] => match with { Path = new PathMatch.Prefix(word) },
        ['=', .. var exact] => match with { Path = new PathMatch.Exact(exact) },
        ['~', .. var expression] => match with { Path = new PathMatch.Expression(ValueMatch.Expression(expression)) },
        ['g', 'r', 'p', 'c', ':', .. var call] => match with { Path = Grpc(call.Split('/')) },
        ['h', 'o', 's', 't', '=', ..] => match,
        _ => match with { Method = word },
    };

    private static PathMatch.GrpcMethod Grpc(string[] call) =>
        new(call[0].Length == 0 ? null : ValueMatch.Exact(call[0]), call[1].Length == 0 ? null : ValueMatch.Exact(call[1]));

    private static NamedMatch Named(string text)
    {
        string[] parts = text.Split('=', 2);
        return new NamedMatch(parts[0], parts[1].StartsWith('~') ? ValueMatch.Expression(parts[1][1..]) : ValueMatch.Exact(parts[1]));
    }

    private sealed class Headers(Dictionary<string, string> values) : IRequestHeaders
    {
        public string? Find(string name) => values.GetValueOrDefault(name);
    }
}
