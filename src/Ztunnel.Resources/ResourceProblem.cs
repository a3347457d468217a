namespace Ztunnel.Resources;

/// <summary>
/// Something wrong with an object or the file it is in. It costs that object, or its change, and nothing else, and a
/// remark not even that. As text:
/// <c>services.yaml:14: Service default/httpbin: spec.ports[0].targetPort: expected ...</c>
/// </summary>
public sealed record ResourceProblem
{
    /// <summary>The file or other source, as <see cref="Origin.Source"/>.</summary>
    public required string Source { get; init; }

    /// <summary>The line, counted from 1; 0 where the problem is not at a line.</summary>
    public int Line { get; init; }

    /// <summary>The column, counted from 1; 0 where it is not known.</summary>
    public int Column { get; init; }

    /// <summary>The object concerned as far as it could be told, <c>Service default/httpbin</c>; null when it could not.</summary>
    public string? Object { get; init; }

    /// <summary>The field, <c>spec.ports[0].targetPort</c>; null when it is not about one.</summary>
    public string? Field { get; init; }

    /// <summary>What is wrong, in one line.</summary>
    public required string Message { get; init; }

    /// <summary>Whether it is merely odd and costs nothing: the object is used as it is.</summary>
    public bool IsRemark { get; init; }

    /// <summary>Whether an agent is not to be ready while this lasts, as it would let in what it was not told to refuse.</summary>
    public bool KeepsFromServing { get; init; }

    /// <inheritdoc/>
    public override string ToString()
    {
        string place = Line == 0 ? Source : $"{Source}:{Line}";
        return string.Join(": ", new[] { place, Object, Field, Message }.OfType<string>());
    }
}
