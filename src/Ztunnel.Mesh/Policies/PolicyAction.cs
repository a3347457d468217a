namespace Ztunnel.Mesh;

/// <summary>What an <see cref="AuthorizationPolicy"/> does with the connections it matches.</summary>
public enum PolicyAction
{
    /// <summary>Lets them in. Where a workload has any such policy, a connection that none matches is refused.</summary>
    Allow,

    /// <summary>Refuses them, whatever other policies say.</summary>
    Deny,

    /// <summary>Notes them, and changes nothing.</summary>
    Audit,

    /// <summary>Asks an external authorizer; there is none here, so that requests it matches are refused.</summary>
    Custom,
}
