using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Text.Json;

namespace Ztunnel.Mesh;

/// <summary>What a token says of who sends a request, after its signature and dates were found valid (RFC 7519).</summary>
public sealed class VerifiedToken
{
    // Claims of several words parted by spaces, in which each word counts (RFC 8693 section 4.2; Istio's own two).
    private static readonly string[] SpaceDelimited = ["scope", "permission"];

    private VerifiedToken(ClaimValue claims)
    {
        Claims = claims;
        Issuer = claims.Find(["iss"])?.Values is [var issuer, ..] ? issuer : "";
        Subject = claims.Find(["sub"])?.Values is [var subject, ..] ? subject : "";
        Audiences = claims.Find(["aud"])?.Values ?? [];
        AuthorizedParty = claims.Find(["azp"])?.Values is [var party, ..] ? party : null;
    }

    /// <summary>The claim <c>iss</c>; empty where there is none.</summary>
    public string Issuer { get; }

    /// <summary>The claim <c>sub</c>; empty where there is none.</summary>
    public string Subject { get; }

    /// <summary>The claim <c>aud</c>.</summary>
    public ImmutableArray<string> Audiences { get; }

    /// <summary>The claim <c>azp</c>: to whom the token was given.</summary>
    public string? AuthorizedParty { get; }

    /// <summary>All claims.</summary>
    public ClaimValue Claims { get; }

    /// <summary>The token of a payload, a JSON object. The claims named in <paramref name="spaceDelimited"/> are lists of words.</summary>
    public static VerifiedToken Of(JsonElement payload, IEnumerable<string>? spaceDelimited = null)
    {
        FrozenSet<string> words = SpaceDelimited.Concat(spaceDelimited ?? []).ToFrozenSet(StringComparer.Ordinal);
        return new VerifiedToken(ClaimValue.Of(payload, words));
    }
}

/// <summary>A claim: texts, or claims within it. Numbers and truths are not looked at, as in Istio.</summary>
public sealed class ClaimValue
{
    private static readonly FrozenSet<string> None = FrozenSet<string>.Empty;

    private ClaimValue(ImmutableArray<string> values, FrozenDictionary<string, ClaimValue> fields)
    {
        Values = values;
        Fields = fields;
    }

    /// <summary>Its texts: one, those of a list, or none.</summary>
    public ImmutableArray<string> Values { get; }

    /// <summary>The claims within it, where it is an object.</summary>
    public FrozenDictionary<string, ClaimValue> Fields { get; }

    /// <summary>The claim at a path of names; null where there is none.</summary>
    public ClaimValue? Find(ReadOnlySpan<string> path)
    {
        ClaimValue? claim = this;
        foreach (string name in path)
        {
            if (!claim.Fields.TryGetValue(name, out claim))
                return null;
        }

        return claim;
    }

    internal static ClaimValue Of(JsonElement element, FrozenSet<string> spaceDelimited)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.Object:
                var fields = new Dictionary<string, ClaimValue>(StringComparer.Ordinal);
                foreach (JsonProperty property in element.EnumerateObject())
                    fields[property.Name] = spaceDelimited.Contains(property.Name) ? Words(property.Value) : Of(property.Value, None);
                return new ClaimValue([], fields.ToFrozenDictionary(StringComparer.Ordinal));
            case JsonValueKind.Array:
                return Texts([.. element.EnumerateArray().Where(item => item.ValueKind == JsonValueKind.String).Select(item => item.GetString()!)]);
            case JsonValueKind.String:
                return Texts([element.GetString()!]);
            default:
                return Texts([]);
        }
    }

    private static ClaimValue Words(JsonElement element) => element.ValueKind == JsonValueKind.String
        ? Texts([.. element.GetString()!.Split(' ', StringSplitOptions.RemoveEmptyEntries)])
        : Of(element, None);

    private static ClaimValue Texts(ImmutableArray<string> values) => new(values, FrozenDictionary<string, ClaimValue>.Empty);
}
