namespace Ztunnel.Resources;

/// <summary>The reading of one object from a file: collects everything that is wrong with it.</summary>
internal sealed class ObjectReading(string source)
{
    // Nobody reads on after so many, and what is made to overwhelm must not cost more.
    private const int MostTold = 200;
    private const int MostUnknown = 1000;

    private readonly List<ResourceProblem> _problems = [];
    private readonly HashSet<(int Line, int Column, string? Field)> _places = [];
    private int _remarks;
    private int _unknown;

    /// <summary>The object as messages name it, once that much is known.</summary>
    public string? Subject { get; set; }

    /// <summary>Whether no message may quote what stands in the object.</summary>
    public bool Discreet { get; set; }

    /// <summary>Whether the object is from an API server, which has checked it by its schemas; see <see cref="ObjectJson"/>.</summary>
    public bool IsServed { get; init; }

    /// <summary>Mistakes and remarks, as many as are told.</summary>
    public IReadOnlyList<ResourceProblem> Problems => _problems;

    /// <summary>Whether the object is as wrong as not to be used; remarks do not count.</summary>
    public bool HasMistakes { get; private set; }

    public void Problem(YamlNode place, string? field, string message)
    {
        HasMistakes = true;
        if (_problems.Count - _remarks < MostTold)
            Add(place, field, message, remark: false);
    }

    /// <summary>Tells what is odd about an object that is used all the same.</summary>
    public void Remark(YamlNode place, string? field, string message)
    {
        if (_remarks < MostTold)
            Add(place, field, message, remark: true);
    }

    /// <summary>Counts a field that is not known; false where there have been so many that this one need not be looked at.</summary>
    public bool CountUnknown(YamlNode place)
    {
        if (++_unknown == MostUnknown)
            Problem(place, null, $"has more than {MostUnknown - 1} fields that are not known");
        return _unknown < MostUnknown;
    }

    private void Add(YamlNode place, string? field, string message, bool remark)
    {
        // A field that is looked at twice has still one mistake.
        if (!_places.Add((place.Line, place.Column, field)))
            return;
        _remarks += remark ? 1 : 0;
        _problems.Add(new ResourceProblem
        {
            Source = source,
            Line = place.Line,
            Column = place.Column,
            Object = Subject,
            Field = field,
            Message = message,
            IsRemark = remark,
        });
    }
}
