using System.Collections.Concurrent;
using System.Collections.Immutable;

namespace Ztunnel.Mesh;

/// <content>How requests to services are sent.</content>
public sealed partial class MeshState
{
    private readonly ConcurrentDictionary<PolicyName, DestinationRule> _destinationRules = new();
    private readonly ConcurrentDictionary<string, ImmutableArray<DestinationRule>> _rulesByHost = new(StringComparer.OrdinalIgnoreCase);
    private readonly ConcurrentDictionary<(string Namespace, string Name), TlsCredential> _tlsCredentials = new();
    private volatile WildcardRules _rulesBelow = WildcardRules.Empty;

    /// <summary>All DestinationRules, in no order; as <see cref="Workloads"/>.</summary>
    public IEnumerable<DestinationRule> DestinationRules => _destinationRules.Select(entry => entry.Value);

    /// <summary>
    /// What holds for requests of a client to a port of a service: of the first of the namespaces of the client, of the service and
    /// the root that has a rule for it, the rule for the closest host, of several the oldest. Null where there is none. The same
    /// object as long as nothing changes. Allocates nothing.
    /// </summary>
    /// <param name="service">The service.</param>
    /// <param name="port">Its port.</param>
    /// <param name="client">Who sends: for requests through a gateway the gateway.</param>
    public TrafficPolicy? TrafficPolicyFor(ServiceName service, ushort port, Workload client)
    {
        ArgumentNullException.ThrowIfNull(service);
        ArgumentNullException.ThrowIfNull(client);
        if (_destinationRules.IsEmpty || ServiceByName(service) is not { } known)
            return null;
        DestinationRule? best = null;
        int rank = int.MaxValue;
        if (_rulesByHost.TryGetValue(known.Hostname, out ImmutableArray<DestinationRule> exact))
            Find(exact, service, client, ref best, ref rank);
        foreach ((string suffix, ImmutableArray<DestinationRule> rules) in _rulesBelow.Items)
        {
            if (known.Hostname.EndsWith(suffix, StringComparison.OrdinalIgnoreCase) && known.Hostname.Length > suffix.Length)
                Find(rules, service, client, ref best, ref rank);
        }

        return best?.PolicyFor(port);
    }

    /// <summary>What a Secret holds that a rule names; null where nothing is known of it.</summary>
    public TlsCredential? TlsCredentialOf(string @namespace, string name) => _tlsCredentials.GetValueOrDefault((@namespace, name));

    /// <summary>Adds a DestinationRule or replaces the one of its name. Nothing happens when it is equal to it.</summary>
    public void Put(DestinationRule rule)
    {
        ArgumentNullException.ThrowIfNull(rule);
        lock (_writing)
        {
            DestinationRule? old = _destinationRules.GetValueOrDefault(rule.Name);
            if (old == rule)
                return;
            _destinationRules[rule.Name] = rule;
            IndexRules(old?.Host);
            IndexRules(rule.Host);
            EntriesWritten++;
        }
    }

    /// <summary>Removes a DestinationRule, if it is there.</summary>
    public void RemoveDestinationRule(PolicyName name)
    {
        lock (_writing)
        {
            if (!_destinationRules.TryRemove(name, out DestinationRule? old))
                return;
            IndexRules(old.Host);
            EntriesWritten++;
        }
    }

    /// <summary>Adds what a Secret holds or replaces it. Nothing happens when it is equal to what was there.</summary>
    public void Put(TlsCredential credential)
    {
        ArgumentNullException.ThrowIfNull(credential);
        lock (_writing)
        {
            if (TlsCredentialOf(credential.Namespace, credential.Name) == credential)
                return;
            _tlsCredentials[(credential.Namespace, credential.Name)] = credential;
            EntriesWritten++;
        }
    }

    /// <summary>Forgets what a Secret held.</summary>
    public void RemoveTlsCredential(string @namespace, string name)
    {
        lock (_writing)
            EntriesWritten += _tlsCredentials.TryRemove((@namespace, name), out _) ? 1 : 0;
    }

    /// <summary>Takes the first rule that is of a nearer namespace than what was found so far.</summary>
    private static void Find(ImmutableArray<DestinationRule> rules, ServiceName service, Workload client, ref DestinationRule? best, ref int rank)
    {
        foreach (DestinationRule rule in rules)
        {
            int its = RankOf(rule, service, client);
            if (its >= rank)
                continue;
            best = rule;
            rank = its;
        }
    }

    private static int RankOf(DestinationRule rule, ServiceName service, Workload client)
    {
        if (rule.Selector is { } selector && !(IsOf(rule, client.Namespace) && selector.Matches(client.Labels)))
            return int.MaxValue;
        if (IsOf(rule, client.Namespace))
            return 0;
        if (!IsExportedTo(rule, client.Namespace))
            return int.MaxValue;
        if (IsOf(rule, service.Namespace))
            return 1;
        return rule.InRoot ? 2 : int.MaxValue;
    }

    private static bool IsOf(DestinationRule rule, string @namespace) => string.Equals(rule.Name.Namespace, @namespace, StringComparison.Ordinal);

    private static bool IsExportedTo(DestinationRule rule, string @namespace)
    {
        foreach (string target in rule.ExportTo.AsSpan())
        {
            if (target == "*" || string.Equals(target, @namespace, StringComparison.Ordinal))
                return true;
        }

        return rule.ExportTo.Count == 0;
    }

    private void IndexRules(string? host)
    {
        if (host is null)
            return;
        ImmutableArray<DestinationRule> rules =
        [
            .. DestinationRules
                .Where(rule => string.Equals(rule.Host, host, StringComparison.OrdinalIgnoreCase))
                // A rule for some clients goes before one for all of its namespace.
                .OrderBy(rule => rule.Selector is null)
                .ThenBy(rule => rule.Created ?? DateTimeOffset.MaxValue)
                .ThenBy(rule => rule.Name, PolicyName.Order),
        ];
        if (rules.IsEmpty)
            _rulesByHost.TryRemove(host, out _);
        else
            _rulesByHost[host] = rules;
        if (host.StartsWith('*'))
        {
            _rulesBelow = new WildcardRules(
            [
                .. _rulesByHost
                    .Where(entry => entry.Key.StartsWith('*'))
                    .OrderByDescending(entry => entry.Key.Length)
                    .Select(entry => (entry.Key[1..], entry.Value)),
            ]);
        }
    }

    /// <summary>The rules for all hosts that end in a text, the longest first; in an object, so that readers see all of it or nothing.</summary>
    private sealed record WildcardRules(ImmutableArray<(string Suffix, ImmutableArray<DestinationRule> Rules)> Items)
    {
        public static readonly WildcardRules Empty = new([]);
    }
}
