using System.Collections.Concurrent;
using System.Collections.Immutable;

namespace Ztunnel.Mesh;

/// <summary>
/// All policies, and what they come to for each workload. A policy's change costs what it takes to put it in its place; what
/// holds for a workload is worked out when a connection to it is judged next, and only where something about it has changed.
/// Judging takes no locks otherwise and may happen on any thread. Writing is for one thread at a time.
/// </summary>
public sealed class PolicyTable
{
    private readonly Lock _writing = new();
    private readonly Func<string, bool> _isKnown;
    private readonly PolicyCell _mesh = new();
    private readonly ConcurrentDictionary<string, PolicyCell> _namespaces = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<PolicyName, AuthorizationPolicy> _authorization = new();
    private readonly ConcurrentDictionary<PolicyName, PeerAuthentication> _peerAuthentication = new();
    private readonly ConcurrentDictionary<PolicyName, RequestAuthentication> _requestAuthentication = new();
    private readonly RequestPolicyTable _requests;
    private readonly ConcurrentDictionary<string, WorkloadPolicies> _effective = new(StringComparer.Ordinal);
    private ImmutableArray<Action<PolicyChange>> _observers = [];
    private long _version;
    private long _computed;

    /// <summary>A table without policies. <paramref name="isKnown"/> tells whether a workload still exists, by its uid.</summary>
    internal PolicyTable(Func<string, bool> isKnown)
    {
        _isKnown = isKnown;
        _requests = new RequestPolicyTable(_mesh, _namespaces.GetValueOrDefault);
    }

    /// <summary>All AuthorizationPolicies, in no order, also those not enforced here.</summary>
    public IEnumerable<AuthorizationPolicy> Authorization => _authorization.Select(entry => entry.Value);

    /// <summary>All PeerAuthentications, in no order, also those not enforced here.</summary>
    public IEnumerable<PeerAuthentication> PeerAuthentication => _peerAuthentication.Select(entry => entry.Value);

    /// <summary>All RequestAuthentications, in no order.</summary>
    public IEnumerable<RequestAuthentication> RequestAuthentication => _requestAuthentication.Select(entry => entry.Value);

    /// <summary>How many times what holds for a workload has been worked out so far: what the changes have cost.</summary>
    internal long EffectiveComputed => Interlocked.Read(ref _computed);

    /// <summary>
    /// Tells <paramref name="observer"/> of every change from now on, on the writer's thread, after it counts in judgements.
    /// It must not throw and should return soon. Dispose the result to stop.
    /// </summary>
    public IDisposable Observe(Action<PolicyChange> observer)
    {
        ArgumentNullException.ThrowIfNull(observer);
        lock (_writing)
            _observers = _observers.Add(observer);
        return new Observation(this, observer);
    }

    /// <summary>Adds a policy or replaces the one of its name.</summary>
    public void Put(AuthorizationPolicy policy)
    {
        ArgumentNullException.ThrowIfNull(policy);
        Replace(_authorization, cell => cell.Authorization, _requests.Authorization, policy.Name, policy);
    }

    /// <summary>Adds a policy or replaces the one of its name.</summary>
    public void Put(PeerAuthentication policy)
    {
        ArgumentNullException.ThrowIfNull(policy);
        Replace(_peerAuthentication, cell => cell.PeerAuthentication, null, policy.Name, policy);
    }

    /// <summary>Adds a policy or replaces the one of its name.</summary>
    public void Put(RequestAuthentication policy)
    {
        ArgumentNullException.ThrowIfNull(policy);
        Replace(_requestAuthentication, cell => cell.RequestAuthentication, _requests.Authentication, policy.Name, policy);
    }

    /// <summary>Removes the AuthorizationPolicy of that name, if there is one.</summary>
    public void RemoveAuthorization(PolicyName name) => Replace(_authorization, cell => cell.Authorization, _requests.Authorization, name, null);

    /// <summary>Removes the PeerAuthentication of that name, if there is one.</summary>
    public void RemovePeerAuthentication(PolicyName name) => Replace(_peerAuthentication, cell => cell.PeerAuthentication, null, name, null);

    /// <summary>Removes the RequestAuthentication of that name, if there is one.</summary>
    public void RemoveRequestAuthentication(PolicyName name) =>
        Replace(_requestAuthentication, cell => cell.RequestAuthentication, _requests.Authentication, name, null);

    /// <summary>How many of <paramref name="workloads"/> each policy is about; those about none are left out.</summary>
    public IReadOnlyDictionary<IPolicy, int> CountSelected(IEnumerable<Workload> workloads)
    {
        ArgumentNullException.ThrowIfNull(workloads);
        var counts = new Dictionary<IPolicy, int>(ReferenceEqualityComparer.Instance);
        var ofNamespace = new Dictionary<string, int>(StringComparer.Ordinal);
        int all = 0;
        foreach (Workload workload in workloads)
        {
            all++;
            ofNamespace[workload.Namespace] = ofNamespace.GetValueOrDefault(workload.Namespace) + 1;
            Count(_mesh, cell => Selecting(cell, workload.Labels), 1);
            if (_namespaces.TryGetValue(workload.Namespace, out PolicyCell? own))
                Count(own, cell => Selecting(cell, workload.Labels), 1);
        }

        Count(_mesh, Everyones, all);
        foreach ((string name, int count) in ofNamespace)
        {
            if (_namespaces.TryGetValue(name, out PolicyCell? own))
                Count(own, Everyones, count);
        }

        return counts;

        void Count(PolicyCell cell, Func<PolicyCell, IEnumerable<IPolicy>> policies, int howMany)
        {
            lock (cell.Lock)
            {
                foreach (IPolicy policy in policies(cell).Where(_ => howMany > 0))
                    counts[policy] = counts.GetValueOrDefault(policy) + howMany;
            }
        }
    }

    /// <summary>Judges a connection by the policies about its destination.</summary>
    internal AuthorizationVerdict Authorize(in ConnectionFacts facts)
    {
        Workload workload = facts.Destination;
        PolicyCell? own = _namespaces.GetValueOrDefault(workload.Namespace);
        if (!_effective.TryGetValue(workload.Uid, out WorkloadPolicies? policies) || IsStale(policies, workload, own))
        {
            policies = WorkloadPolicies.Of(workload, _mesh, own);
            Interlocked.Increment(ref _computed);
            _effective[workload.Uid] = policies;
            // A connection may outlive its workload, which must not leave anything behind here.
            if (!_isKnown(workload.Uid))
                Forget(workload.Uid);
        }

        return policies.Authorize(facts);
    }

    /// <summary>What holds for requests.</summary>
    internal HttpPolicies For(HttpPolicyScope scope, Func<GatewayName, Gateway?> gatewayOf) => _requests.For(scope, gatewayOf);

    /// <summary>
    /// Tells observers that who may connect has changed for a reason that is no policy: for workloads of a namespace, or of all
    /// when it is null.
    /// </summary>
    internal void Announce(string? @namespace)
    {
        _requests.Change();
        foreach (Action<PolicyChange> observer in _observers)
            observer(new PolicyChange(@namespace));
    }

    /// <summary>Forgets what was worked out for a workload that is gone.</summary>
    internal void Forget(string uid) => _effective.TryRemove(uid, out _);

    private static IEnumerable<IPolicy> Everyones(PolicyCell cell) =>
        cell.Authorization.Everyones.Concat<IPolicy>(cell.PeerAuthentication.Everyones).Where(IsEnforced);

    private static IEnumerable<IPolicy> Selecting(PolicyCell cell, StringMap labels) =>
        cell.Authorization.Selecting(labels).Concat<IPolicy>(cell.PeerAuthentication.Selecting(labels)).Where(IsEnforced);

    private static bool IsEnforced(IPolicy policy) => policy.Enforcement != Enforcement.None;

    private bool IsStale(WorkloadPolicies policies, Workload workload, PolicyCell? own) =>
        policies.MadeOf.MeshVersion != _mesh.Version
        || policies.MadeOf.NamespaceVersion != (own?.Version ?? 0)
        || !ReferenceEquals(policies.MadeOf.Labels, workload.Labels);

    private void Replace<T>(
        ConcurrentDictionary<PolicyName, T> all,
        Func<PolicyCell, SelectorIndex<T>> indexIn,
        AttachmentIndex<T>? attached,
        PolicyName name,
        T? policy)
        where T : class, IPolicy
    {
        lock (_writing)
        {
            T? old = all.GetValueOrDefault(name);
            if (policy is not null)
                all[name] = policy;
            else if (!all.TryRemove(name, out _))
                return;
            // A policy's reach follows from its own namespace, which is in its name.
            string? reach = (policy ?? old)!.Scope.Namespace;
            Change(reach, cell =>
            {
                SelectorIndex<T> index = indexIn(cell);
                if (old is not null && IsAboutWorkloads(old))
                    index.Remove(old);
                if (policy is not null && IsAboutWorkloads(policy))
                    index.Add(policy);
            });
            attached?.Replace(old, policy);
            _requests.Change();

            // Gateways enforce what nodes do not.
            bool IsAboutWorkloads(T policy) => attached is null ? IsEnforced(policy) : !policy.Attached;
        }
    }

    private void Change(string? @namespace, Action<PolicyCell> change)
    {
        PolicyCell cell = @namespace is null ? _mesh : _namespaces.GetOrAdd(@namespace, _ => new PolicyCell());
        lock (cell.Lock)
        {
            change(cell);
            cell.Version = ++_version;
        }

        if (@namespace is not null && cell.IsEmpty)
            _namespaces.TryRemove(@namespace, out _);
        Announce(@namespace);
    }

    private sealed class Observation(PolicyTable table, Action<PolicyChange> observer) : IDisposable
    {
        public void Dispose()
        {
            lock (table._writing)
                table._observers = table._observers.Remove(observer);
        }
    }
}
