using System.Text.Json.Nodes;
using Ztunnel.Kubernetes;

namespace Ztunnel.Control;

/// <summary>The service account of a Gateway, and what it may read in its own namespace: certificates of listeners.</summary>
internal static class AccountTemplate
{
    private const string RbacGroup = "rbac.authorization.k8s.io";

    /// <summary>Roles.</summary>
    public static readonly ApiResource Roles = new(RbacGroup, "v1", "roles", "Role", Namespaced: true);

    /// <summary>Bindings of roles.</summary>
    public static readonly ApiResource RoleBindings = new(RbacGroup, "v1", "rolebindings", "RoleBinding", Namespaced: true);

    public static IEnumerable<MadeObject> Make(GatewayShape shape)
    {
        yield return Make(shape, ApiResource.ServiceAccounts, shape.ServiceAccount, []);
        // Named after the Gateway's objects, not the account, which several Gateways may share.
        string role = $"{shape.Name}-secrets";
        yield return Make(shape, Roles, role, new JsonObject
        {
            ["rules"] = new JsonArray(new JsonObject
            {
                ["apiGroups"] = new JsonArray(""),
                ["resources"] = new JsonArray("secrets"),
                ["verbs"] = new JsonArray("get", "list", "watch"),
            }),
        });
        yield return Make(shape, RoleBindings, role, new JsonObject
        {
            ["roleRef"] = new JsonObject { ["apiGroup"] = RbacGroup, ["kind"] = Roles.Kind, ["name"] = role },
            ["subjects"] = new JsonArray(new JsonObject { ["kind"] = "ServiceAccount", ["name"] = shape.ServiceAccount, ["namespace"] = shape.Namespace }),
        });
    }

    private static MadeObject Make(GatewayShape shape, ApiResource resource, string name, JsonObject rest)
    {
        var body = new JsonObject { ["apiVersion"] = resource.ApiVersion, ["kind"] = resource.Kind, ["metadata"] = shape.Metadata(name) };
        foreach ((string field, JsonNode? value) in rest)
            body[field] = value!.DeepClone();
        return new MadeObject(resource, shape.Namespace, name, body);
    }
}
