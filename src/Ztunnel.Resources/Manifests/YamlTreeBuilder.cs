using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace Ztunnel.Resources;

/// <summary>Builds the node tree of one YAML document from the parser's events, within <see cref="YamlLimits"/>.</summary>
internal sealed class YamlTreeBuilder(string text, int linesBefore)
{
    private readonly Parser _parser = new(new StringReader(text));
    private readonly Dictionary<string, YamlNode?> _anchors = new(StringComparer.Ordinal);
    private long _written;
    private long _merged;

    private static string TooManyAliases => $"its aliases stand for more than {YamlLimits.MaxAliasNodes} nodes";

    /// <summary>The line in the file up to which the document has been read.</summary>
    public int Line => linesBefore + Math.Max(1, (int)(_parser.Current?.End.Line ?? 1));

    /// <summary>The document's root, or null when there is none. Throws what is wrong with it.</summary>
    public YamlNode? Build()
    {
        _parser.Consume<StreamStart>();
        if (!_parser.TryConsume<DocumentStart>(out _))
            return null;
        YamlNode root = Node(depth: 0);
        if (root.Weight > _written + YamlLimits.MaxAliasNodes)
            throw Fault(root.Line, root.Column, TooManyAliases);
        // Reads on to the end, to find what is wrong there.
        _parser.Consume<DocumentEnd>();
        _parser.Consume<StreamEnd>();
        return root;
    }

    private static YamlFaultException Fault(int line, int column, string message) =>
        new(new YamlFault(line, column, $"not valid here: {message}"));

    private YamlNode Node(int depth)
    {
        ParsingEvent @event = _parser.Consume<ParsingEvent>();
        int line = linesBefore + (int)@event.Start.Line, column = (int)@event.Start.Column;
        if (depth > YamlLimits.MaxDepth)
            throw Fault(line, column, $"mappings and lists stand more than {YamlLimits.MaxDepth} deep in one another");
        if (@event is AnchorAlias alias)
            return Alias(alias.Value.Value, line, column);

        // After some mistakes the parser ends a mapping in the middle of an entry.
        if (@event is not NodeEvent nodeEvent)
            throw Fault(line, column, "a value is missing");
        string? anchor = nodeEvent.Anchor.IsEmpty ? null : nodeEvent.Anchor.Value;
        // Known, but not usable before it is whole: an alias to what it stands in would never end.
        if (anchor is not null)
            _anchors[anchor] = null;
        _written++;
        YamlNode node = @event switch
        {
            Scalar scalar => new YamlScalar(line, column, scalar.Value, IsPlain(scalar, line, column)),
            MappingStart => Mapping(line, column, depth),
            _ => Sequence(line, column, depth),
        };
        if (anchor is not null)
            _anchors[anchor] = node;
        return node;
    }

    // Neither of these shows what stands there: it may be a secret that wants quotes.
    private YamlNode Alias(string name, int line, int column) =>
        !_anchors.TryGetValue(name, out YamlNode? node)
            ? throw Fault(line, column, "an alias (*) that names no anchor; a text that begins with * needs quotes")
            : node ?? throw Fault(line, column, "an alias (*) that names what it stands in");

    private static bool IsPlain(Scalar scalar, int line, int column)
    {
        if (scalar.Tag.IsEmpty || scalar.Tag.IsNonSpecific)
            return scalar.Style == ScalarStyle.Plain && scalar.IsPlainImplicit;
        return scalar.Tag.Value switch
        {
            "tag:yaml.org,2002:str" => false,
            "tag:yaml.org,2002:int" or "tag:yaml.org,2002:bool" or "tag:yaml.org,2002:float" or "tag:yaml.org,2002:null" => true,
            _ => throw Fault(line, column, "a tag (!) that has no meaning in a manifest; a text that begins with ! needs quotes"),
        };
    }

    private YamlSequence Sequence(int line, int column, int depth)
    {
        var items = new List<YamlNode>();
        while (!_parser.TryConsume<SequenceEnd>(out _))
            items.Add(Node(depth + 1));
        return new YamlSequence(line, column, items);
    }

    private YamlMapping Mapping(int line, int column, int depth)
    {
        var entries = new List<(YamlScalar Key, YamlNode Value)>();
        var merged = new List<(YamlScalar Key, YamlNode Value)>();
        while (!_parser.TryConsume<MappingEnd>(out _))
        {
            YamlNode key = Node(depth + 1);
            YamlNode value = Node(depth + 1);
            if (key is not YamlScalar name)
                throw Fault(key.Line, key.Column, $"a mapping's key must be a word, got {key.Describe()}");
            if (name is { Value: "<<", Plain: true })
                Merge(value, merged);
            else
                entries.Add((name, value));
        }

        if (merged.Count > 0)
        {
            var own = entries.Select(entry => entry.Key.Value).ToHashSet(StringComparer.Ordinal);
            entries.AddRange(merged.Where(entry => own.Add(entry.Key.Value)));
        }

        return new YamlMapping(line, column, entries);
    }

    /// <summary>A merge key (<c>&lt;&lt;: *defaults</c>, YAML 1.1) gives the entries of the mappings it names, the first's before the later's.</summary>
    private void Merge(YamlNode source, List<(YamlScalar Key, YamlNode Value)> merged)
    {
        foreach (YamlNode node in source is YamlSequence list ? list.Items : [source])
        {
            if (node is not YamlMapping mapping)
                throw Fault(node.Line, node.Column, $"<< merges mappings, got {node.Describe()}");
            _merged += mapping.Entries.Count;
            if (_merged > YamlLimits.MaxAliasNodes)
                throw Fault(node.Line, node.Column, TooManyAliases);
            merged.AddRange(mapping.Entries);
        }
    }
}

/// <summary>Carries a <see cref="YamlFault"/> out of the recursion.</summary>
internal sealed class YamlFaultException(YamlFault fault) : Exception(fault.Message)
{
    public YamlFault Fault { get; } = fault;
}
