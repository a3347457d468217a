namespace Ztunnel.Hbone.Wire;

/// <summary>
/// Field names that need no string: those of the HPACK static table (RFC 7541 appendix A), those HTTP/2 forbids
/// (RFC 9113 section 8.2.2), and those HBONE peers send. <see cref="KnownHeaders"/> gives their bytes.
/// </summary>
public enum KnownHeader : byte
{
    /// <summary>A name without a constant.</summary>
    None,

    /// <summary><c>:authority</c></summary>
    Authority,

    /// <summary><c>:method</c></summary>
    Method,

    /// <summary><c>:path</c></summary>
    Path,

    /// <summary><c>:scheme</c></summary>
    Scheme,

    /// <summary><c>:status</c></summary>
    Status,
}
