using System.Collections.Immutable;
using System.Text.Json.Nodes;

namespace Ztunnel.Testing.Api;

/// <summary>
/// What a kind's objects get when they do not say, and what must hold of them. These are the rules that people and programs run into, not
/// the whole schema: fields nobody knows are kept, but of custom resources whose definition says what there is (<see cref="Structure"/>).
/// </summary>
internal sealed record Schema
{
    /// <summary>A kind of which nothing is said.</summary>
    public static readonly Schema Open = new();

    /// <summary>What stands at a path when nothing does, as JSON; in this order, so that one may fill what another made.</summary>
    public ImmutableArray<(string Path, string Json)> Defaults { get; init; } = [];

    /// <summary>What is filled in that depends on other fields.</summary>
    public Action<JsonObject>? Complete { get; init; }

    /// <summary>What must hold.</summary>
    public ImmutableArray<Rule> Rules { get; init; } = [];

    /// <summary>What must hold between the state before and the one after.</summary>
    public Func<JsonObject, JsonObject, IEnumerable<Cause>> Transition { get; init; } = static (_, _) => [];

    /// <summary>The form of names.</summary>
    public Func<string, bool> IsName { get; init; } = Names.IsSubdomain;

    /// <summary>The <c>openAPIV3Schema</c> of the kind's definition, by which other fields are dropped; null to drop none.</summary>
    public JsonObject? Structure { get; init; }

    /// <summary>Drops what is not kept and fills in defaults.</summary>
    public void Fill(JsonObject value)
    {
        if (Structure is not null)
            Pruning.Prune(value, Structure);
        foreach ((string path, string json) in Defaults)
        {
            foreach (Place place in Place.Find(value, path))
            {
                if (place.Value is null)
                    Set(place, JsonNode.Parse(json));
            }
        }

        Complete?.Invoke(value);
    }

    /// <summary>Throws 422 with all that is wrong with an object, which may be new.</summary>
    public void Check(ResourceKind kind, JsonObject value, JsonObject? before)
    {
        string name = (string?)Metadata.Of(value)["name"] ?? "";
        List<Cause> causes = [.. MetadataRules.Check(this, value)];
        foreach (Rule rule in Rules)
            causes.AddRange(Place.Find(value, rule.Path).Select(place => rule.Check(place, before)).OfType<Cause>());
        if (before is not null)
            causes.AddRange(Transition(before, value));
        if (causes.Count > 0)
            throw ApiFailure.Invalid(kind, name, causes);
    }

    private static void Set(Place place, JsonNode? value)
    {
        Place at = place;
        at.Value = value;
    }
}
