using System.Collections.Immutable;
using System.Text.Json.Nodes;

namespace Ztunnel.Testing.Api;

/// <summary>
/// A kind of objects and what the server does with it. Versions of a kind have the same fields here, so an object is kept
/// in the first of them and told in the one that is asked for.
/// </summary>
internal sealed record ResourceKind
{
    /// <summary>The API group, empty for the core one.</summary>
    public required string Group { get; init; }

    /// <summary>Versions served; the first is the preferred one and the one objects are kept in.</summary>
    public required ImmutableArray<string> Versions { get; init; }

    /// <summary>The name in paths.</summary>
    public required string Plural { get; init; }

    /// <summary>The name in objects.</summary>
    public required string Kind { get; init; }

    /// <summary>Whether objects are in namespaces.</summary>
    public bool Namespaced { get; init; } = true;

    /// <summary>What a person may type instead of the plural.</summary>
    public ImmutableArray<string> ShortNames { get; init; } = [];

    /// <summary>Such as <c>all</c>.</summary>
    public ImmutableArray<string> Categories { get; init; } = [];

    /// <summary>Whether the kind comes from a CustomResourceDefinition.</summary>
    public bool Custom { get; init; }

    /// <summary>Whether <c>status</c> is written by its own path only.</summary>
    public bool HasStatus { get; init; }

    /// <summary>Whether there is a <c>scale</c> path over <c>spec.replicas</c>.</summary>
    public bool HasScale { get; init; }

    /// <summary>Whether <c>metadata.generation</c> counts changes of the spec.</summary>
    public bool HasGeneration { get; init; }

    /// <summary>Whether objects can be made only, and are answered rather than kept (TokenReview).</summary>
    public bool Answered { get; init; }

    /// <summary>What field selectors may name besides the name and the namespace, as dotted paths.</summary>
    public ImmutableArray<string> SelectableFields { get; init; } = [];

    /// <summary>The kind whose objects these are too (events of the core group), when they are not kept on their own.</summary>
    public ResourceKind? KeptAs { get; init; }

    /// <summary>Makes an object of <see cref="KeptAs"/> of one of this kind, and the reverse.</summary>
    public (Action<JsonObject> ToKept, Action<JsonObject> FromKept)? Conversion { get; init; }

    /// <summary>How its parts are merged and owned.</summary>
    public Shape Shape { get; init; } = Shapes.Any;

    /// <summary>What its objects get when they do not say, and what must hold of them.</summary>
    public Schema Schema { get; init; } = Schema.Open;

    /// <summary>The columns of its tables after the name, as <see cref="TableColumn.Parse"/> reads them.</summary>
    public string Columns { get; init; } = "Age";

    /// <summary>What the kind's name is in lower case.</summary>
    public string Singular => Kind.ToLowerInvariant();

    /// <summary>The kind the objects are kept as.</summary>
    public ResourceKind Kept => KeptAs ?? this;

    /// <summary>Plural and group, as errors name the resource.</summary>
    public string Resource => Group.Length == 0 ? Plural : $"{Plural}.{Group}";

    /// <summary>Kind and group, as validation errors name it.</summary>
    public string QualifiedKind => Group.Length == 0 ? Kind : $"{Kind}.{Group}";

    /// <summary>Whether a version is served.</summary>
    public bool Serves(string version) => Versions.IndexOf(version) >= 0;

    /// <summary>Group and version as objects carry it.</summary>
    public string ApiVersion(string? version = null) =>
        Group.Length == 0 ? version ?? Versions[0] : $"{Group}/{version ?? Versions[0]}";

    /// <summary>Two kinds are the same when their resources are.</summary>
    public bool Equals(ResourceKind? other) => other is not null && Group == other.Group && Plural == other.Plural;

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Group, Plural);
}
