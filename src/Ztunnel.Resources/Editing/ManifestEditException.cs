namespace Ztunnel.Resources;

/// <summary>A change of a manifest that was not made, and why; nothing was written.</summary>
public sealed class ManifestEditException : Exception
{
    /// <summary>Says why.</summary>
    public ManifestEditException(string message)
        : base(message)
    {
    }

    /// <summary>Says why, and what was behind it.</summary>
    public ManifestEditException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
