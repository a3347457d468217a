using System.Globalization;
using System.Text.Json.Nodes;
using Ztunnel.Mesh;
using Ztunnel.Resources;

namespace Ztunnel.Control;

/// <summary>
/// Puts what we have to say of an object into the status it has. What others say there stays: conditions of other types, parents
/// of other controllers. Pure.
/// </summary>
internal static class StatusMerge
{
    private static readonly HashSet<string> OfGateways = new(StringComparer.Ordinal) { "Accepted", "Programmed" };

    private static readonly HashSet<string> OfListeners =
        new(StringComparer.Ordinal) { "Accepted", "Programmed", "ResolvedRefs", "Conflicted", "OverlappingTLSConfig" };

    private static readonly HashSet<string> OfClasses = new(StringComparer.Ordinal) { "Accepted" };

    private static readonly HashSet<string> OfPolicies = new(StringComparer.Ordinal) { PolicyConditions.ByNodes, PolicyConditions.ByGateways };

    private static readonly HashSet<string> OfBound =
        new(StringComparer.Ordinal) { "Accepted", "PartiallyEnforced", BindingConditions.Bound, BindingConditions.Missing };

    private static readonly HashSet<string> OfServices = new(StringComparer.Ordinal) { BindingConditions.Bound };

    /// <summary>
    /// The fields of <c>status</c> that are to be other than they are, each whole; null when everything is said already, or when
    /// what we have to say is about an earlier or later object of that name, or an earlier generation than what is there.
    /// </summary>
    public static JsonObject? Merge(GatewayApiStatus wanted, ServedStatus served, DateTimeOffset now)
    {
        if (!string.Equals(wanted.Uid, served.Uid, StringComparison.Ordinal))
            return null;
        JsonObject? live = served.Read();
        var at = new Moment(wanted.Generation, served.Generation, now.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture));
        var changed = new JsonObject();
        if (wanted.Object.Kind is var kind && IsRoute(kind))
        {
            Set(changed, live, "parents", MergeParents(wanted, live?["parents"] as JsonArray, at));
        }
        else
        {
            Set(changed, live, "conditions", MergeConditions(wanted.Conditions, live?["conditions"] as JsonArray, TypesOf(kind), at));
            if (kind == ObjectKind.Gateway)
            {
                Set(changed, live, "addresses", new JsonArray([.. wanted.Addresses.Select(address => new JsonObject { ["type"] = address.Type, ["value"] = address.Value })]));
                Set(changed, live, "listeners", MergeListeners(wanted, live?["listeners"] as JsonArray, at));
            }
            else if (kind == ObjectKind.ServiceEntry)
            {
                Set(changed, live, "addresses", new JsonArray([.. wanted.AssignedAddresses.Select(Describe)]));
            }
        }

        return changed.Count == 0 || at.Overtaken ? null : changed;
    }

    /// <summary>Whether statuses of a kind are about parents rather than about the object itself.</summary>
    private static bool IsRoute(ObjectKind kind) =>
        kind == ObjectKind.HttpRoute || kind == ObjectKind.GrpcRoute || kind == ObjectKind.TlsRoute || kind == ObjectKind.TcpRoute;

    private static HashSet<string> TypesOf(ObjectKind kind) =>
        kind == ObjectKind.Gateway ? OfGateways
        : kind == ObjectKind.GatewayClass ? OfClasses
        : kind == ObjectKind.Service ? OfServices
        : kind == ObjectKind.ServiceEntry || kind == ObjectKind.WorkloadEntry ? OfBound
        : OfPolicies;

    private static JsonObject Describe(AssignedAddress assigned)
    {
        var address = new JsonObject { ["value"] = assigned.Address.ToString() };
        if (assigned.Host.Length > 0)
            address["host"] = assigned.Host;
        return address;
    }

    private static void Set(JsonObject changed, JsonObject? live, string field, JsonArray value)
    {
        JsonNode? there = live?[field];
        if (!JsonNode.DeepEquals(there, value) && !(there is null && value.Count == 0))
            changed[field] = value;
    }

    /// <summary>The conditions that are wanted, and those there are of other types than ours; null is every type.</summary>
    private static JsonArray MergeConditions(ValueArray<StatusCondition> wanted, JsonArray? live, HashSet<string>? types, Moment at)
    {
        var merged = new JsonArray();
        foreach (JsonObject condition in Items(live))
        {
            StatusCondition? ours = wanted.FirstOrDefault(candidate => IsText(condition["type"], candidate.Type));
            if (ours is not null)
                merged.Add((JsonNode)Describe(ours, condition, at));
            else if (types?.Any(type => IsText(condition["type"], type)) == false)
                merged.Add(condition.DeepClone());
        }

        foreach (StatusCondition added in wanted.Where(condition => !Items(live).Any(there => IsText(there["type"], condition.Type))))
            merged.Add((JsonNode)Describe(added, null, at));
        return merged;
    }

    /// <summary>A condition in place of the one that is there, whose time of change stays while its status does.</summary>
    private static JsonObject Describe(StatusCondition condition, JsonObject? live, Moment at)
    {
        string status = condition.Status ? "True" : "False";
        at.See(live);
        var described = new JsonObject
        {
            ["type"] = condition.Type,
            ["status"] = status,
            ["reason"] = condition.Reason,
            ["message"] = condition.Message,
            ["lastTransitionTime"] = IsText(live?["status"], status) && live!["lastTransitionTime"] is { } since ? since.DeepClone() : at.Now,
        };
        if (at.Generation > 0)
            described["observedGeneration"] = at.Generation;
        // Others may have written more fields than we know.
        foreach ((string field, JsonNode? value) in live ?? [])
        {
            if (!described.ContainsKey(field) && field != "observedGeneration")
                described[field] = value?.DeepClone();
        }

        return live is not null && JsonNode.DeepEquals(live, described) ? live.DeepClone().AsObject() : described;
    }

    private static JsonArray MergeListeners(GatewayApiStatus wanted, JsonArray? live, Moment at) => new(
    [
        .. wanted.Listeners.Select(listener =>
        {
            JsonObject? there = Items(live).FirstOrDefault(candidate => IsText(candidate["name"], listener.Name));
            return new JsonObject
            {
                ["name"] = listener.Name,
                ["supportedKinds"] = new JsonArray([.. listener.SupportedKinds.Select(kind => new JsonObject { ["group"] = kind.Group, ["kind"] = kind.Kind })]),
                ["attachedRoutes"] = listener.AttachedRoutes,
                ["conditions"] = MergeConditions(listener.Conditions, there?["conditions"] as JsonArray, OfListeners, at),
            };
        }),
    ]);

    /// <summary>Other controllers' parents as they are, then ours, of which nothing else is kept.</summary>
    private static JsonArray MergeParents(GatewayApiStatus wanted, JsonArray? live, Moment at)
    {
        var merged = new JsonArray();
        var left = wanted.Parents.ToList();
        foreach (JsonObject there in Items(live))
        {
            if (!IsOurs(there))
            {
                merged.Add(there.DeepClone());
            }
            else if (left.Find(parent => IsText(there["controllerName"], parent.ControllerName) && IsSame(there["parentRef"] as JsonObject, parent.Parent)) is { } ours)
            {
                left.Remove(ours);
                merged.Add((JsonNode)Describe(ours, there, at));
            }
        }

        foreach (ParentStatus parent in left)
            merged.Add((JsonNode)Describe(parent, null, at));
        return merged;
    }

    private static bool IsOurs(JsonObject parent) =>
        parent["controllerName"] is JsonValue name && name.TryGetValue(out string? controller) && GatewayControllers.IsOurs(controller);

    private static JsonObject Describe(ParentStatus parent, JsonObject? live, Moment at) => new()
    {
        ["parentRef"] = live?["parentRef"]?.DeepClone() ?? Describe(parent.Parent),
        ["controllerName"] = parent.ControllerName,
        ["conditions"] = MergeConditions(parent.Conditions, live?["conditions"] as JsonArray, null, at),
    };

    private static JsonObject Describe(ParentReference parent)
    {
        var described = new JsonObject { ["group"] = parent.Group ?? Group, ["kind"] = parent.Kind ?? ObjectKind.Gateway.Name, ["name"] = parent.Name };
        if (parent.Namespace is not null)
            described["namespace"] = parent.Namespace;
        if (parent.SectionName is not null)
            described["sectionName"] = parent.SectionName;
        if (parent.Port is { } port)
            described["port"] = port;
        return described;
    }

    private const string Group = "gateway.networking.k8s.io";

    private static bool IsSame(JsonObject? there, ParentReference parent) =>
        there is not null
        && IsText(there["group"] ?? Group, parent.Group ?? Group)
        && IsText(there["kind"] ?? ObjectKind.Gateway.Name, parent.Kind ?? ObjectKind.Gateway.Name)
        && IsText(there["name"], parent.Name)
        && IsText(there["namespace"], parent.Namespace)
        && IsText(there["sectionName"], parent.SectionName)
        && (there["port"] is JsonValue value && value.TryGetValue(out int port) ? port == parent.Port : parent.Port is null);

    private static IEnumerable<JsonObject> Items(JsonArray? list) => list?.OfType<JsonObject>() ?? [];

    private static bool IsText(JsonNode? node, string? text) =>
        node is JsonValue value && value.TryGetValue(out string? found) ? string.Equals(found, text, StringComparison.Ordinal) : node is null && text is null;

    /// <summary>When, and of which generation, something is said.</summary>
    private sealed record Moment(long Generation, long Newest, string Now)
    {
        /// <summary>Whether the same has been said of a later generation. One that is yet to come, as in what a backup brought back, is none.</summary>
        public bool Overtaken { get; private set; }

        public void See(JsonObject? live) => Overtaken |=
            live?["observedGeneration"] is JsonValue value && value.TryGetValue(out long seen) && seen > Generation && seen <= Newest;
    }
}
