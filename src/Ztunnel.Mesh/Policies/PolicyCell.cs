namespace Ztunnel.Mesh;

/// <summary>
/// The policies about the workloads of one namespace, or of all. Its lock is held only while a policy is put or while what
/// holds for one workload is worked out afresh; <see cref="Version"/> tells whether that is needed.
/// </summary>
internal sealed class PolicyCell
{
    private long _version;

    public Lock Lock { get; } = new();

    public SelectorIndex<AuthorizationPolicy> Authorization { get; } = new();

    public SelectorIndex<PeerAuthentication> PeerAuthentication { get; } = new();

    public SelectorIndex<RequestAuthentication> RequestAuthentication { get; } = new();

    /// <summary>Changes whenever the policies do, and never back.</summary>
    public long Version
    {
        get => Volatile.Read(ref _version);
        set => Volatile.Write(ref _version, value);
    }

    public bool IsEmpty => Authorization.IsEmpty && PeerAuthentication.IsEmpty && RequestAuthentication.IsEmpty;

    /// <summary>The AuthorizationPolicies about a workload with these labels, in the order of their names.</summary>
    public AuthorizationPolicy[] AuthorizationFor(StringMap labels) =>
        [.. Authorization.Everyones.Concat(Authorization.Selecting(labels)).OrderBy(policy => policy.Name, PolicyName.Order)];

    /// <summary>The RequestAuthentications about a workload with these labels.</summary>
    public RequestAuthentication[] RequestAuthenticationFor(StringMap labels) =>
        [.. RequestAuthentication.Everyones.Concat(RequestAuthentication.Selecting(labels))];
}
