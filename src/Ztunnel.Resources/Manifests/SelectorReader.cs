using System.Collections.Immutable;
using Ztunnel.Mesh;

namespace Ztunnel.Resources;

/// <summary>Reads a <c>metav1.LabelSelector</c>.</summary>
internal static class SelectorReader
{
    private static readonly Dictionary<string, LabelOperator> Operators =
        Enum.GetValues<LabelOperator>().ToDictionary(@operator => @operator.ToString(), StringComparer.Ordinal);

    /// <summary>The selector; one that matches everything where the field is absent.</summary>
    public static LabelSelector Read(Field selector) => new()
    {
        Labels = selector["matchLabels"].Strings(),
        Demands = [.. selector["matchExpressions"].Items().Select(ReadDemand).OfType<LabelDemand>()],
    };

    private static LabelDemand? ReadDemand(Field field)
    {
        string? key = field["key"].RequiredText();
        if (!field["operator"].Present)
            field["operator"].Problem("is required");
        LabelOperator? @operator = field["operator"].OneOf(Operators);
        Field values = field["values"];
        ImmutableArray<string> given = [.. values.Items().Select(value => value.Text(KubernetesSyntax.LabelValueFault) ?? "")];
        if (key is null || @operator is not { } asked)
            return null;
        bool needsValues = asked is LabelOperator.In or LabelOperator.NotIn;
        if (needsValues == given.IsEmpty)
            values.Problem(needsValues ? $"is required with operator {asked}" : $"may not be given with operator {asked}");
        return new LabelDemand(key, asked, given);
    }
}
