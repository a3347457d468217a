namespace Ztunnel.Mesh;

/// <summary>How much of a policy is enforced on connections, where neither requests nor tokens are seen.</summary>
public enum Enforcement
{
    /// <summary>All of it.</summary>
    Full,

    /// <summary>A part, chosen so that it never lets in what the whole would have refused.</summary>
    Partial,

    /// <summary>Nothing: it is a waypoint's or a gateway's, or of a kind that connections cannot be judged by.</summary>
    None,
}
