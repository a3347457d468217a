using System.Collections.Immutable;

namespace Ztunnel.Mesh;

/// <summary>
/// A Kubernetes label selector (<c>metav1.LabelSelector</c>): labels that have to be there and further demands, all of which
/// have to hold. An empty one matches everything.
/// </summary>
public sealed record LabelSelector
{
    /// <summary>The selector that matches everything.</summary>
    public static readonly LabelSelector Everything = new();

    /// <summary><c>matchLabels</c>.</summary>
    public StringMap Labels { get; init; } = StringMap.Empty;

    /// <summary><c>matchExpressions</c>.</summary>
    public ImmutableArray<LabelDemand> Demands { get; init; } = [];

    /// <summary>Whether <paramref name="labels"/> meet all of it.</summary>
    public bool Matches(StringMap labels)
    {
        ArgumentNullException.ThrowIfNull(labels);
        if (!labels.Matches(Labels))
            return false;
        foreach (LabelDemand demand in Demands)
        {
            if (!demand.IsMetBy(labels))
                return false;
        }

        return true;
    }

    /// <summary>Whether both say the same, in the same order.</summary>
    public bool Equals(LabelSelector? other) =>
        ReferenceEquals(this, other)
        || (other is not null && Labels.Equals(other.Labels) && Demands.AsSpan().SequenceEqual(other.Demands.AsSpan()));

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Labels, Demands.Length);
}

/// <summary>One of the <c>matchExpressions</c> of a <see cref="LabelSelector"/>.</summary>
/// <param name="Key">The label it looks at.</param>
/// <param name="Operator">What it asks of it.</param>
/// <param name="Values">The values for <see cref="LabelOperator.In"/> and <see cref="LabelOperator.NotIn"/>.</param>
public sealed record LabelDemand(string Key, LabelOperator Operator, ImmutableArray<string> Values)
{
    /// <summary>Whether <paramref name="labels"/> meet it. A label that is not there is not in any values.</summary>
    public bool IsMetBy(StringMap labels)
    {
        ArgumentNullException.ThrowIfNull(labels);
        string? value = labels[Key];
        return Operator switch
        {
            LabelOperator.In => value is not null && Values.Contains(value, StringComparer.Ordinal),
            LabelOperator.NotIn => value is null || !Values.Contains(value, StringComparer.Ordinal),
            LabelOperator.Exists => value is not null,
            _ => value is null,
        };
    }

    /// <summary>Whether both ask the same.</summary>
    public bool Equals(LabelDemand? other) =>
        other is not null
        && string.Equals(Key, other.Key, StringComparison.Ordinal)
        && Operator == other.Operator
        && Values.AsSpan().SequenceEqual(other.Values.AsSpan());

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Key, Operator, Values.Length);
}

/// <summary>What a <see cref="LabelDemand"/> asks of a label.</summary>
public enum LabelOperator
{
    /// <summary>It is there with one of the values.</summary>
    In,

    /// <summary>It has none of the values, or is not there.</summary>
    NotIn,

    /// <summary>It is there.</summary>
    Exists,

    /// <summary>It is not there.</summary>
    DoesNotExist,
}
