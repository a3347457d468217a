using System.Collections.Immutable;

namespace Ztunnel.Mesh;

/// <summary>
/// All policies that hold for one workload, arranged for judging its connections, with the versions of what they were made
/// of. Immutable.
/// </summary>
internal sealed class WorkloadPolicies
{
    private readonly AuthorizationPolicy[] _deny;
    private readonly AuthorizationPolicy[] _allow;
    private readonly AuthorizationPolicy[] _observed;
    private readonly PolicyRefusal? _plaintextRefusal;
    private readonly KeyValuePair<ushort, PolicyRefusal?>[] _plaintextRefusalOfPorts;

    private WorkloadPolicies(
        (StringMap Labels, long MeshVersion, long NamespaceVersion) madeOf, AuthorizationPolicy[] authorization, MutualTlsRule mutualTls)
    {
        MadeOf = madeOf;
        authorization = [.. authorization.Where(policy => policy.Enforcement != Enforcement.None)];
        _deny = [.. authorization.Where(policy => policy is { DryRun: false, Action: PolicyAction.Deny })];
        _allow = [.. authorization.Where(policy => policy is { DryRun: false, Action: PolicyAction.Allow })];
        _observed = [.. authorization.Where(policy => policy.DryRun || policy.Action == PolicyAction.Audit)];
        _plaintextRefusal = mutualTls.PlaintextRefusal;
        _plaintextRefusalOfPorts = mutualTls.PlaintextRefusalOfPorts;
    }

    public (StringMap Labels, long MeshVersion, long NamespaceVersion) MadeOf { get; }

    /// <summary>Works out what holds for a workload. <paramref name="own"/> is null where its namespace has no policies of its own.</summary>
    public static WorkloadPolicies Of(Workload workload, PolicyCell mesh, PolicyCell? own)
    {
        long meshVersion, ownVersion = 0;
        AuthorizationPolicy[] authorization;
        PeerAuthentication? meshWide, namespaceWide = null, selecting = null;
        lock (mesh.Lock)
        {
            meshVersion = mesh.Version;
            authorization = mesh.AuthorizationFor(workload.Labels);
            meshWide = PeerAuthentication.Oldest(mesh.PeerAuthentication.Everyones);
        }

        if (own is not null)
        {
            lock (own.Lock)
            {
                ownVersion = own.Version;
                authorization = [.. authorization, .. own.AuthorizationFor(workload.Labels)];
                namespaceWide = PeerAuthentication.Oldest(own.PeerAuthentication.Everyones);
                selecting = PeerAuthentication.Oldest(own.PeerAuthentication.Selecting(workload.Labels));
            }
        }

        return new WorkloadPolicies(
            (workload.Labels, meshVersion, ownVersion), authorization, MutualTlsRule.Of(meshWide, namespaceWide, selecting));
    }

    /// <summary>
    /// Judges a connection in Istio's order: what a DENY policy matches is refused; where there are ALLOW policies, so is what
    /// none of them matches. That plaintext is refused is a DENY policy too.
    /// </summary>
    public AuthorizationVerdict Authorize(in ConnectionFacts facts) =>
        new(Refuse(facts), _observed.Length == 0 ? [] : Observe(facts));

    private PolicyRefusal? Refuse(in ConnectionFacts facts)
    {
        if (facts.SourceIdentity is null && PlaintextRefusal(facts.Port) is { } plaintext)
            return plaintext;
        foreach (AuthorizationPolicy policy in _deny)
        {
            if (policy.Matches(facts))
                return policy.Refusal;
        }

        return _allow.Length == 0 || AnyMatches(_allow, facts) ? null : PolicyRefusal.NoneAllowed;
    }

    private PolicyRefusal? PlaintextRefusal(ushort port)
    {
        foreach (ref readonly KeyValuePair<ushort, PolicyRefusal?> own in _plaintextRefusalOfPorts.AsSpan())
        {
            if (own.Key == port)
                return own.Value;
        }

        return _plaintextRefusal;
    }

    private ImmutableArray<PolicyObservation> Observe(in ConnectionFacts facts)
    {
        bool allowed = AnyMatches(_allow, facts);
        foreach (AuthorizationPolicy policy in _observed)
            allowed = allowed || (policy.Action == PolicyAction.Allow && policy.Matches(facts));
        var observations = ImmutableArray.CreateBuilder<PolicyObservation>(_observed.Length);
        foreach (AuthorizationPolicy policy in _observed)
        {
            if (policy.Action == PolicyAction.Allow)
                observations.Add(new PolicyObservation(policy, allowed ? ObservedOutcome.WouldAllow : ObservedOutcome.WouldDeny));
            else if (policy.Action == PolicyAction.Deny)
                observations.Add(new PolicyObservation(policy, policy.Matches(facts) ? ObservedOutcome.WouldDeny : ObservedOutcome.WouldAllow));
            else if (policy.Matches(facts))
                observations.Add(new PolicyObservation(policy, ObservedOutcome.Audited));
        }

        return observations.DrainToImmutable();
    }

    private static bool AnyMatches(AuthorizationPolicy[] policies, in ConnectionFacts facts)
    {
        foreach (AuthorizationPolicy policy in policies)
        {
            if (policy.Matches(facts))
                return true;
        }

        return false;
    }
}
