namespace Ztunnel.Resources;

/// <summary>The reading of one object from a file: collects everything that is wrong with it.</summary>
internal sealed class ObjectReading(string source)
{
    private readonly List<ResourceProblem> _problems = [];

    /// <summary>The object as messages name it, once that much is known.</summary>
    public string? Subject { get; set; }

    /// <summary>Whether no message may quote what stands in the object.</summary>
    public bool Discreet { get; set; }

    public IReadOnlyList<ResourceProblem> Problems => _problems;

    public void Problem(YamlNode place, string? field, string message)
    {
        // A field that is looked at twice has still one mistake.
        if (!_problems.Exists(known => known.Line == place.Line && known.Column == place.Column && string.Equals(known.Field, field, StringComparison.Ordinal)))
            _problems.Add(new ResourceProblem { Source = source, Line = place.Line, Column = place.Column, Object = Subject, Field = field, Message = message });
    }
}
