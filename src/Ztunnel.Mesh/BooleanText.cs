namespace Ztunnel.Mesh;

/// <summary>What labels and annotations that are on or off say.</summary>
public static class BooleanText
{
    /// <summary>A text as Go's <c>strconv.ParseBool</c> reads it, which Istio does; null for one that is neither true nor false.</summary>
    public static bool? Read(string? text) => text switch
    {
        "1" or "t" or "T" or "true" or "TRUE" or "True" => true,
        "0" or "f" or "F" or "false" or "FALSE" or "False" => false,
        _ => null,
    };
}
