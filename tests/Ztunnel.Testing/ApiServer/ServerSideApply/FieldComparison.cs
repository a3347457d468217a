using System.Text.Json.Nodes;

namespace Ztunnel.Testing.Api;

/// <summary>In which fields one state of an object differs from another.</summary>
/// <param name="Written">Fields that are new or have another value.</param>
/// <param name="Removed">Fields that are no longer there.</param>
internal sealed record FieldComparison(FieldSet Written, FieldSet Removed)
{
    /// <summary>Compares two states.</summary>
    public static FieldComparison Of(JsonNode? before, JsonNode? after, Shape shape)
    {
        FieldComparison result = new(new FieldSet(), new FieldSet());
        if (!shape.IsDivisible(before) || !shape.IsDivisible(after))
        {
            if (JsonNode.DeepEquals(before, after))
                return result;
            FieldSet written = FieldSet.Of(after, shape);
            return new FieldComparison(written, FieldSet.Of(before, shape).Except(written));
        }

        Dictionary<string, (JsonNode? Part, Shape Shape)> old = new(StringComparer.Ordinal);
        foreach ((string step, JsonNode? part, Shape of) in FieldSet.Parts(before, shape))
            old[step] = (part, of);
        foreach ((string step, JsonNode? part, Shape of) in FieldSet.Parts(after, shape))
        {
            if (!old.Remove(step, out (JsonNode? Part, Shape Shape) was))
            {
                result.Written.Add(step, FieldSet.OfPart(step, part, of));
                continue;
            }

            FieldComparison inner = Of(was.Part, part, of);
            result.Written.Add(step, inner.Written);
            result.Removed.Add(step, inner.Removed);
        }

        foreach ((string step, (JsonNode? part, Shape of)) in old)
            result.Removed.Add(step, FieldSet.OfPart(step, part, of));
        return result;
    }
}
