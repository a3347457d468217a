namespace Ztunnel.Mesh;

/// <summary>Looks into queries of requests.</summary>
internal static class QueryString
{
    /// <summary>Whether the first parameter of the name that is asked for has a value that fits. Allocates only where something is escaped.</summary>
    public static bool Matches(ReadOnlySpan<char> query, NamedMatch demand)
    {
        foreach (Range part in query.Split('&'))
        {
            ReadOnlySpan<char> parameter = query[part];
            int equals = parameter.IndexOf('=');
            ReadOnlySpan<char> name = equals < 0 ? parameter : parameter[..equals];
            if (Decode(name).SequenceEqual(demand.Name))
                return demand.Value.Matches(Decode(equals < 0 ? [] : parameter[(equals + 1)..]));
        }

        return false;
    }

    private static ReadOnlySpan<char> Decode(ReadOnlySpan<char> text) =>
        text.ContainsAny('%', '+') ? Uri.UnescapeDataString(text.ToString().Replace('+', ' ')) : text;
}
