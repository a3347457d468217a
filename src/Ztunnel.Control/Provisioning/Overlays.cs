using System.Text.Json.Nodes;
using Ztunnel.Kubernetes;
using Ztunnel.Resources;

namespace Ztunnel.Control;

/// <summary>What ConfigMaps of parameters change about the objects of a Gateway: strategic merge patches, by the object they are for.</summary>
internal static class Overlays
{
    private static readonly Dictionary<string, ApiResource> ResourceOf = new(StringComparer.Ordinal)
    {
        ["deployment"] = ApiResource.Deployments,
        ["service"] = ApiResource.Services,
        ["serviceAccount"] = ApiResource.ServiceAccounts,
        ["horizontalPodAutoscaler"] = ApiResource.HorizontalPodAutoscalers,
        ["podDisruptionBudget"] = ApiResource.PodDisruptionBudgets,
    };

    private static readonly string Account = $"; annotate the Gateway with {GatewayLabels.ServiceAccount}";

    // What would make it another object, or somebody else's, or its pods those of another Gateway or with another identity. And what
    // to do instead.
    private static readonly (string[] Path, string Instead)[] Fixed =
    [
        (["apiVersion"], ""),
        (["kind"], ""),
        (["metadata", "name"], ""),
        (["metadata", "namespace"], ""),
        (["metadata", "ownerReferences"], ""),
        (["metadata", "labels", GatewayLabels.Managed], ""),
        (["metadata", "labels", GatewayLabels.Name], ""),
        (["metadata", "labels", GatewayLabels.Namespace], ""),
        (["spec", "selector", GatewayLabels.Name], ""),
        (["spec", "selector", "matchLabels", GatewayLabels.Name], ""),
        (["spec", "template", "metadata", "labels", GatewayLabels.Name], ""),
        (["spec", "template", "metadata", "annotations", PodObject.ServiceAccountAnnotation], Account),
        (["spec", "template", "spec", "serviceAccountName"], Account),
        (["spec", "template", "spec", "serviceAccount"], Account),
    ];

    /// <summary>
    /// The objects with these parameters, those of the class first. Autoscaler and budget are made only where parameters speak of
    /// them. Throws <see cref="FormatException"/> naming ConfigMap and field.
    /// </summary>
    public static IEnumerable<MadeObject> Apply(GatewayShape shape, IReadOnlyList<MadeObject> plain, params IEnumerable<ParametersMap> maps)
    {
        (string Place, ApiResource Resource, JsonObject Patch)[] patches = [.. maps.SelectMany(Read)];
        IEnumerable<MadeObject> optional = new[] { Autoscaler(shape), Budget(shape) }
            .Where(candidate => Array.Exists(patches, patch => patch.Resource == candidate.Resource));
        return [.. plain.Concat(optional).Select(made => patches.Where(patch => patch.Resource == made.Resource).Aggregate(made, Patch))];
    }

    private static IEnumerable<(string Place, ApiResource Resource, JsonObject Patch)> Read(ParametersMap map)
    {
        foreach ((string key, string text) in map.Data.Entries)
        {
            string place = $"{map}: data[{key}]";
            if (!ResourceOf.TryGetValue(key, out ApiResource? resource))
                throw new FormatException($"{place}: is not known here, where there may be {string.Join(", ", ResourceOf.Keys)}");
            JsonNode? patch;
            try
            {
                patch = ManifestJson.Parse(text);
            }
            catch (FormatException fault)
            {
                throw new FormatException($"{place}: {fault.Message}", fault);
            }

            yield return (place, resource, patch switch
            {
                null => [],
                JsonObject mapping => mapping,
                _ => throw new FormatException($"{place}: expected a mapping"),
            });
        }
    }

    private static MadeObject Patch(MadeObject made, (string Place, ApiResource Resource, JsonObject Patch) overlay)
    {
        JsonObject patched;
        try
        {
            patched = StrategicMerge.Apply(made.Body, overlay.Patch);
        }
        catch (FormatException fault)
        {
            throw new FormatException($"{overlay.Place}: {fault.Message}", fault);
        }

        foreach ((string[] path, string instead) in Fixed)
        {
            if (!JsonNode.DeepEquals(At(made.Body, path), At(patched, path)))
                throw new FormatException($"{overlay.Place}: {string.Join('.', path)}: may not be changed{instead}");
        }

        return made with { Body = patched };
    }

    private static JsonNode? At(JsonNode? node, IEnumerable<string> path) => path.Aggregate(node, (at, name) => (at as JsonObject)?[name]);

    private static MadeObject Autoscaler(GatewayShape shape) => Make(shape, ApiResource.HorizontalPodAutoscalers, new JsonObject
    {
        ["scaleTargetRef"] = new JsonObject { ["apiVersion"] = ApiResource.Deployments.ApiVersion, ["kind"] = ApiResource.Deployments.Kind, ["name"] = shape.Name },
    });

    private static MadeObject Budget(GatewayShape shape) => Make(shape, ApiResource.PodDisruptionBudgets, new JsonObject
    {
        ["selector"] = new JsonObject { ["matchLabels"] = shape.Selector },
    });

    private static MadeObject Make(GatewayShape shape, ApiResource resource, JsonObject spec) => new(resource, shape.Namespace, shape.Name, new JsonObject
    {
        ["apiVersion"] = resource.ApiVersion,
        ["kind"] = resource.Kind,
        ["metadata"] = shape.Metadata(shape.Name),
        ["spec"] = spec,
    });
}
