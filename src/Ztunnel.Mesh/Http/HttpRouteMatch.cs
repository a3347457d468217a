namespace Ztunnel.Mesh;

/// <summary>One way into a rule: a hostname and one of the rule's matches. What a route table finds.</summary>
/// <param name="Hostname">The hosts it is for: what the route and its listener have in common.</param>
/// <param name="Match">What the request has to be.</param>
/// <param name="Rule">What is done with it.</param>
/// <param name="Ordinal">Which match of the rule it is, from 0.</param>
public sealed record HttpRouteMatch(HostnamePattern Hostname, HttpMatch Match, HttpRule Rule, int Ordinal)
{
    /// <summary>Those that have precedence first (Gateway API, HTTPRouteRule matches and GRPCRouteRule matches).</summary>
    internal static IComparer<HttpRouteMatch> Precedence { get; } = Comparer<HttpRouteMatch>.Create(Compare);

    private static int Compare(HttpRouteMatch a, HttpRouteMatch b)
    {
        int order = b.Hostname.Specificity.CompareTo(a.Hostname.Specificity);
        if (order == 0)
            order = b.Match.Path.Class.CompareTo(a.Match.Path.Class);
        if (order == 0)
            order = b.Match.Path.Length.CompareTo(a.Match.Path.Length);
        if (order == 0)
            order = (b.Match.Method is not null).CompareTo(a.Match.Method is not null);
        if (order == 0)
            order = b.Match.Headers.Count.CompareTo(a.Match.Headers.Count);
        if (order == 0)
            order = b.Match.Query.Count.CompareTo(a.Match.Query.Count);
        return order == 0 ? CompareAge(a, b) : order;
    }

    private static int CompareAge(HttpRouteMatch a, HttpRouteMatch b)
    {
        int order = RouteAge.Compare((a.Rule.Created, a.Rule.Route.Namespace, a.Rule.Route.Name), (b.Rule.Created, b.Rule.Route.Namespace, b.Rule.Route.Name));
        // What Gateway API leaves open, so that one set of routes always gives one table.
        if (order == 0)
            order = b.Rule.Route.Kind.CompareTo(a.Rule.Route.Kind);
        if (order == 0)
            order = a.Rule.Index.CompareTo(b.Rule.Index);
        if (order == 0)
            order = a.Ordinal.CompareTo(b.Ordinal);
        return order == 0 ? string.CompareOrdinal(a.Hostname.ToString(), b.Hostname.ToString()) : order;
    }
}
