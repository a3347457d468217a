namespace Ztunnel.Testing.Api;

/// <summary>Which objects of a collection are asked for.</summary>
internal sealed record Selection(string? Namespace, LabelSelector Labels, FieldSelector Fields)
{
    /// <summary>The field and value that every selected object has, when the field is one that changes are sorted by.</summary>
    public (int Field, string Value)? Pinned => Fields.Pinned;

    /// <summary>Whether everything of the namespace, or of the cluster, is selected.</summary>
    public bool IsWhole => Labels == LabelSelector.Everything && Fields == FieldSelector.Everything;

    /// <summary>Whether it selects an object.</summary>
    public bool Matches(StoredObject value) =>
        (Namespace is null || value.Namespace == Namespace) && Labels.Matches(value.Labels) && Fields.Matches(value);
}
