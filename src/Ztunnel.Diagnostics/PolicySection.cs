using System.Globalization;
using Ztunnel.Mesh;
using Ztunnel.Proxy;
using Ztunnel.Resources;

namespace Ztunnel.Diagnostics;

/// <summary>The policies in the shape of the dump.</summary>
internal static class PolicySection
{
    private const string LastGood = "has mistakes: what is enforced is its last version without";

    public static IReadOnlyList<PolicyDump> Describe(NodeSnapshots node)
    {
        InventorySnapshot inventory = node.Resources.Snapshot();
        var mistaken = inventory.Problems.Where(problem => !problem.IsRemark).Select(problem => problem.Object).OfType<string>().ToHashSet(StringComparer.Ordinal);
        var kept = inventory.Objects.Where(status => status.KeptLastGood).Select(status => status.Key).ToHashSet();
        Workload[] gateways = [.. node.Mesh.Workloads.Where(workload => workload.Gateway is not null && node.Mesh.IsIngress(workload.Identity))];
        IReadOnlyDictionary<IPolicy, int> selected = node.Mesh.Policies.CountSelected(node.Mesh.Workloads.Where(workload => workload.Ambient));
        IEnumerable<PolicyDump> authorization = node.Mesh.Policies.Authorization.Select(policy => Authorization(policy, node.PolicyObservations(policy)));
        IEnumerable<PolicyDump> peerAuthentication = node.Mesh.Policies.PeerAuthentication.Select(PeerAuthentication);
        IEnumerable<PolicyDump> requestAuthentication = node.Mesh.Policies.RequestAuthentication
            .Select(policy => Common(policy, ObjectKind.RequestAuthentication, "Authenticate"));
        return
        [
            .. authorization.Concat(peerAuthentication).Concat(requestAuthentication)
                .OrderBy(policy => policy.Namespace, StringComparer.Ordinal)
                .ThenBy(policy => policy.Name, StringComparer.Ordinal)
                .ThenBy(policy => policy.Kind, StringComparer.Ordinal),
        ];

        PolicyDump Authorization(AuthorizationPolicy policy, PolicyObservationCounts? counts) =>
            Common(policy, ObjectKind.AuthorizationPolicy, policy.Action.ToString()) with
            {
                DryRun = policy.DryRun,
                DroppedAttributes = policy.DroppedAttributes.IsEmpty ? null : policy.DroppedAttributes,
                Observed = counts is null ? null : new ObservedDump(counts.WouldAllow, counts.WouldDeny, counts.Audited),
            };

        PolicyDump PeerAuthentication(PeerAuthentication policy) =>
            Common(policy, ObjectKind.PeerAuthentication, policy.Mode.ToString()) with
            {
                Ports = policy.Ports.IsEmpty
                    ? null
                    : policy.Ports.ToDictionary(
                        port => port.Key.ToString(CultureInfo.InvariantCulture), port => port.Value.ToString(), StringComparer.Ordinal),
            };

        PolicyDump Common(IPolicy policy, ObjectKind kind, string action)
        {
            var key = new ObjectKey(kind, policy.Name.Namespace, policy.Name.Name);
            string[] notes = [.. policy.Notes, .. node.Mesh.MissingTargetsOf(policy) is { } missing ? [missing] : Array.Empty<string>(), .. kept.Contains(key) ? [LastGood] : Array.Empty<string>()];
            return new PolicyDump
            {
                Name = policy.Name.Name,
                Namespace = policy.Name.Namespace,
                Scope = policy.Scope.ToString(),
                Action = action,
                Kind = kind.Name,
                Selector = policy.Scope.Selective
                    ? policy.Scope.Selector.Entries.ToDictionary(label => label.Key, label => label.Value, StringComparer.Ordinal)
                    : null,
                Accepted = !mistaken.Contains(key.ToString()),
                OnConnections = policy.Enforcement.ToString(),
                EnforcedAt = EnforcedAt(policy) is { Length: > 0 } places ? places : null,
                Notes = notes.Length == 0 ? null : notes,
                Workloads = policy.Attached ? null : selected.GetValueOrDefault(policy),
            };
        }

        // Requests through an ingress gateway are judged by what is about its pods, too.
        string[] EnforcedAt(IPolicy policy) =>
        [
            .. policy.Enforcement == Enforcement.None ? [] : new[] { "nodes" },
            .. node.Mesh.PlacementsOf(policy).Select(placement => placement.ToString()),
            .. policy.Attached || policy is PeerAuthentication
                ? []
                : gateways.Where(policy.Scope.Includes).Select(workload => $"Gateway {workload.Gateway}").Distinct(StringComparer.Ordinal),
        ];
    }
}
