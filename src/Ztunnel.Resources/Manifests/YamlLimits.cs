namespace Ztunnel.Resources;

/// <summary>What a manifest may cost to read. Each is far above what a real manifest needs.</summary>
internal static class YamlLimits
{
    /// <summary>The largest file, in bytes.</summary>
    public const int MaxFileBytes = 32 * 1024 * 1024;

    /// <summary>How deeply mappings and lists may stand in one another.</summary>
    public const int MaxDepth = 64;

    /// <summary>How many nodes a document may be with every alias written out, beyond those it has without.</summary>
    public const long MaxAliasNodes = 100_000;

    /// <summary>Where counting nodes stops, so that it cannot overflow.</summary>
    public const long Saturated = long.MaxValue / 4;
}
