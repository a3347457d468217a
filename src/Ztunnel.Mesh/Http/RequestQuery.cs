namespace Ztunnel.Mesh;

/// <summary>Looks into queries of requests.</summary>
public static class RequestQuery
{
    /// <summary>Whether the first parameter of the name that is asked for has a value that fits. Allocates only where something is escaped.</summary>
    internal static bool Matches(ReadOnlySpan<char> query, NamedMatch demand) =>
        TryGet(query, demand.Name, out ReadOnlySpan<char> value) && demand.Value.Matches(value);

    /// <summary>The value of the first parameter of a name, unescaped; false where there is none.</summary>
    public static bool TryGet(ReadOnlySpan<char> query, ReadOnlySpan<char> wanted, out ReadOnlySpan<char> value)
    {
        foreach (Range part in query.Split('&'))
        {
            ReadOnlySpan<char> parameter = query[part];
            int equals = parameter.IndexOf('=');
            ReadOnlySpan<char> name = equals < 0 ? parameter : parameter[..equals];
            if (Decode(name).SequenceEqual(wanted))
            {
                value = Decode(equals < 0 ? [] : parameter[(equals + 1)..]);
                return true;
            }
        }

        value = default;
        return false;
    }

    private static ReadOnlySpan<char> Decode(ReadOnlySpan<char> text) =>
        text.ContainsAny('%', '+') ? Uri.UnescapeDataString(text.ToString().Replace('+', ' ')) : text;
}
