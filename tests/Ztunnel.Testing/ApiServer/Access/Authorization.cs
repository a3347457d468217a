using System.Text.Json.Nodes;

namespace Ztunnel.Testing.Api;

/// <summary>What somebody wants to do.</summary>
internal sealed record AccessRequest(string Verb, string Group, string Resource, string Namespace, string Name);

/// <summary>
/// Role-based access control by the Role, ClusterRole and binding objects that are there. Aggregated roles are not put together, and
/// everybody may read what the server says of itself.
/// </summary>
internal sealed class Authorization(Store store, KindTable kinds, bool enforced)
{
    private const string Group = "rbac.authorization.k8s.io";

    /// <summary>Throws 403 when a user may not do what a request asks for, of the object of a name or, where that is empty, of all.</summary>
    public void Check(ApiUser user, Target target, string verb, string name)
    {
        string resource = target.Subresource.Length == 0 ? target.Kind.Plural : $"{target.Kind.Plural}/{target.Subresource}";
        if (Allows(user, new AccessRequest(verb, target.Kind.Group, resource, target.Namespace, name)))
            return;
        string scope = target.Namespace.Length == 0 ? "at the cluster scope" : $"in the namespace \"{target.Namespace}\"";
        string subject = target.Name.Length == 0 ? target.Kind.Resource : $"{target.Kind.Resource} \"{target.Name}\"";
        throw new ApiFailure(
            403,
            "Forbidden",
            $"{subject} is forbidden: User \"{user.Name}\" cannot {verb} resource \"{resource}\" in API group \"{target.Kind.Group}\" {scope}",
            ApiFailure.About(target.Kind, target.Name));
    }

    /// <summary>Whether a user may do something.</summary>
    public bool Allows(ApiUser user, AccessRequest request)
    {
        if (!enforced || user.IsIn("system:masters"))
            return true;
        return RulesOf(user, request.Namespace).Any(rule => Covers(rule, request));
    }

    private IEnumerable<JsonNode> RulesOf(ApiUser user, string ns)
    {
        foreach (JsonObject binding in All("clusterrolebindings", null).Where(binding => Binds(binding, user)))
        {
            foreach (JsonNode rule in RulesOf(binding, ""))
                yield return rule;
        }

        if (ns.Length == 0)
            yield break;
        foreach (JsonObject binding in All("rolebindings", ns).Where(binding => Binds(binding, user)))
        {
            foreach (JsonNode rule in RulesOf(binding, ns))
                yield return rule;
        }
    }

    private IEnumerable<JsonNode> RulesOf(JsonObject binding, string ns)
    {
        string name = (string?)binding["roleRef"]?["name"] ?? "";
        JsonObject? role = (string?)binding["roleRef"]?["kind"] == "Role"
            ? store.Find(Kind("roles"), ns, name)?.ToJson()
            : store.Find(Kind("clusterroles"), "", name)?.ToJson();
        return (role?["rules"] as JsonArray)?.OfType<JsonNode>() ?? [];
    }

    private static bool Binds(JsonObject binding, ApiUser user) => (binding["subjects"] as JsonArray ?? []).Any(subject =>
    {
        string name = (string?)subject?["name"] ?? "";
        return (string?)subject?["kind"] switch
        {
            "User" => name == user.Name,
            "Group" => user.IsIn(name),
            "ServiceAccount" => user.Name == $"system:serviceaccount:{(string?)subject["namespace"] ?? (string?)binding["metadata"]!["namespace"]}:{name}",
            _ => false,
        };
    });

    private static bool Covers(JsonNode rule, AccessRequest request)
    {
        string subresource = request.Resource.Contains('/', StringComparison.Ordinal) ? "*/" + request.Resource.Split('/')[1] : "*";
        return Has(rule, "verbs", request.Verb, "*")
            && Has(rule, "apiGroups", request.Group, "*")
            && Has(rule, "resources", request.Resource, "*", subresource)
            && (rule["resourceNames"] is not JsonArray { Count: > 0 } || Has(rule, "resourceNames", request.Name));
    }

    private static bool Has(JsonNode rule, string field, params string[] anyOf) =>
        (rule[field] as JsonArray ?? []).Any(value => anyOf.Contains((string?)value));

    private IEnumerable<JsonObject> All(string plural, string? ns) =>
        Collection.In(store.Of(Kind(plural)).Objects, ns).Select(value => value.ToJson());

    private ResourceKind Kind(string plural) => kinds.Find(Group, "v1", plural)!;
}
