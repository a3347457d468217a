using System.Text.Json.Nodes;
using Ztunnel.Kubernetes;
using Ztunnel.Resources;

namespace Ztunnel.Control;

/// <summary>The service account of a Gateway, and which Secrets it may read: those that its pods need, each by its name.</summary>
internal static class AccountTemplate
{
    private const string RbacGroup = "rbac.authorization.k8s.io";

    /// <summary>Roles.</summary>
    public static readonly ApiResource Roles = new(RbacGroup, "v1", "roles", "Role", Namespaced: true);

    /// <summary>Bindings of roles.</summary>
    public static readonly ApiResource RoleBindings = new(RbacGroup, "v1", "rolebindings", "RoleBinding", Namespaced: true);

    /// <summary>Whether objects of a resource give the right to read Secrets.</summary>
    public static bool IsRight(ApiResource resource) => resource == Roles || resource == RoleBindings;

    public static IEnumerable<MadeObject> Make(GatewayShape shape)
    {
        yield return Make(shape, ApiResource.ServiceAccounts, shape.Namespace, shape.ServiceAccount, []);
        foreach (IGrouping<string, SecretName> secrets in shape.Secrets.GroupBy(secret => secret.Namespace, StringComparer.Ordinal))
        {
            // Named after the Gateway's objects, not the account, which several Gateways may share; elsewhere after its namespace too,
            // in which there is no dot.
            string role = secrets.Key == shape.Namespace ? $"{shape.Name}-secrets" : $"{shape.Namespace}.{shape.Name}-secrets";
            yield return Make(shape, Roles, secrets.Key, role, new JsonObject
            {
                ["rules"] = new JsonArray(new JsonObject
                {
                    ["apiGroups"] = new JsonArray(""),
                    ["resources"] = new JsonArray("secrets"),
                    ["resourceNames"] = new JsonArray([.. secrets.Select(secret => JsonValue.Create(secret.Name))]),
                    ["verbs"] = new JsonArray("get", "list", "watch"),
                }),
            });
            yield return Make(shape, RoleBindings, secrets.Key, role, new JsonObject
            {
                ["roleRef"] = new JsonObject { ["apiGroup"] = RbacGroup, ["kind"] = Roles.Kind, ["name"] = role },
                ["subjects"] = new JsonArray(new JsonObject { ["kind"] = "ServiceAccount", ["name"] = shape.ServiceAccount, ["namespace"] = shape.Namespace }),
            });
        }
    }

    private static MadeObject Make(GatewayShape shape, ApiResource resource, string @namespace, string name, JsonObject rest)
    {
        JsonObject metadata = @namespace == shape.Namespace ? shape.Metadata(name) : shape.MetadataIn(@namespace, name);
        var body = new JsonObject { ["apiVersion"] = resource.ApiVersion, ["kind"] = resource.Kind, ["metadata"] = metadata };
        foreach ((string field, JsonNode? value) in rest)
            body[field] = value!.DeepClone();
        return new MadeObject(resource, @namespace, name, body);
    }
}
