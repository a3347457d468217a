namespace Ztunnel.Resources;

/// <summary>A node of a YAML document with its place in the file. Nodes an alias refers to are shared, not copied.</summary>
internal abstract class YamlNode(int line, int column)
{
    public int Line { get; } = line;

    public int Column { get; } = column;

    /// <summary>How many nodes this would be with every alias written out, so that what reading it may cost is known before.</summary>
    public long Weight { get; protected init; } = 1;

    /// <summary>What it is, as messages say it after "got".</summary>
    public abstract string Describe();
}

/// <summary>A YAML mapping. A key given more than once is kept each time; the first counts.</summary>
internal sealed class YamlMapping : YamlNode
{
    public YamlMapping(int line, int column, IReadOnlyList<(YamlScalar Key, YamlNode Value)> entries)
        : base(line, column)
    {
        Entries = entries;
        Weight = entries.Aggregate(1L, (sum, entry) => Math.Min(sum + 1 + entry.Value.Weight, YamlLimits.Saturated));
    }

    public IReadOnlyList<(YamlScalar Key, YamlNode Value)> Entries { get; }

    public YamlNode? Find(string key)
    {
        foreach ((YamlScalar candidate, YamlNode value) in Entries)
        {
            if (string.Equals(candidate.Value, key, StringComparison.Ordinal))
                return value;
        }

        return null;
    }

    public override string Describe() => "a mapping";
}

/// <summary>A YAML sequence.</summary>
internal sealed class YamlSequence : YamlNode
{
    public YamlSequence(int line, int column, IReadOnlyList<YamlNode> items)
        : base(line, column)
    {
        Items = items;
        Weight = items.Aggregate(1L, (sum, item) => Math.Min(sum + item.Weight, YamlLimits.Saturated));
    }

    public IReadOnlyList<YamlNode> Items { get; }

    public override string Describe() => "a list";
}
