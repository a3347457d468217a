using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging;
using Ztunnel.Kubernetes;
using Ztunnel.Mesh;

namespace Ztunnel.Control;

/// <summary>
/// Gives the service accounts of Gateways, and nobody else, what gateways may read of the whole cluster: the subjects of one
/// ClusterRoleBinding, as an object of a Gateway's namespace cannot.
/// </summary>
internal sealed class GatewayAccounts(ApiClient client, TimeProvider time, ILogger logger)
{
    /// <summary>The name of the ClusterRole, which comes with the installation, and of its binding.</summary>
    public const string Role = "ztunnel-gateway";

    private const string RbacGroup = "rbac.authorization.k8s.io";

    private static readonly ApiResource Bindings = new(RbacGroup, "v1", "clusterrolebindings", "ClusterRoleBinding", Namespaced: false);

    // Many Gateways that come at once are one write.
    private static readonly TimeSpan Coalesce = TimeSpan.FromMilliseconds(100);

    // Somebody may have taken subjects away, and nothing tells of it.
    private static readonly TimeSpan Again = TimeSpan.FromMinutes(5);

    private readonly Lock _lock = new();
    private readonly Dictionary<GatewayName, ObjectName> _accounts = [];
    private readonly WorkQueue<string> _queue = new(time, logger);

    /// <summary>Takes the account of a Gateway.</summary>
    public void Put(GatewayName gateway, ObjectName account)
    {
        lock (_lock)
        {
            if (_accounts.TryGetValue(gateway, out ObjectName before) && before == account)
                return;
            _accounts[gateway] = account;
        }

        _queue.Add(Role, Coalesce);
    }

    /// <summary>Forgets a Gateway.</summary>
    public void Remove(GatewayName gateway)
    {
        lock (_lock)
        {
            if (!_accounts.Remove(gateway))
                return;
        }

        _queue.Add(Role, Coalesce);
    }

    /// <summary>Keeps the binding true until cancelled.</summary>
    public async Task Write(CancellationToken cancellationToken)
    {
        _queue.Add(Role, Coalesce);
        await _queue.Run(1, Apply, cancellationToken);
    }

    private async Task Apply(string role, CancellationToken cancellationToken)
    {
        ObjectName[] accounts;
        lock (_lock)
            accounts = [.. _accounts.Values.Distinct().OrderBy(account => account.Namespace, StringComparer.Ordinal).ThenBy(account => account.Name, StringComparer.Ordinal)];
        var binding = new JsonObject
        {
            ["apiVersion"] = Bindings.ApiVersion,
            ["kind"] = Bindings.Kind,
            ["metadata"] = new JsonObject { ["name"] = role },
            ["roleRef"] = new JsonObject { ["apiGroup"] = RbacGroup, ["kind"] = "ClusterRole", ["name"] = role },
            ["subjects"] = new JsonArray(
            [
                .. accounts.Select(account => new JsonObject { ["kind"] = "ServiceAccount", ["name"] = account.Name, ["namespace"] = account.Namespace }),
            ]),
        };
        await client.Apply(Bindings.Named("", role), binding, GatewayObjects.FieldManager, force: true, cancellationToken);
        _queue.Add(role, Again);
    }
}
