using Ztunnel.Resources;

namespace Ztunnel.Kubernetes;

/// <summary>A collection of the Kubernetes API.</summary>
/// <param name="Group">The API group, empty for the core.</param>
/// <param name="Version">The version in which it is asked for.</param>
/// <param name="Plural">Its name in paths.</param>
/// <param name="Kind">The kind of its objects.</param>
/// <param name="Namespaced">Whether its objects live in namespaces.</param>
public sealed record ApiResource(string Group, string Version, string Plural, string Kind, bool Namespaced)
{
    /// <summary>Namespaces.</summary>
    public static readonly ApiResource Namespaces = Of(ObjectKind.Namespace);

    /// <summary>Nodes.</summary>
    public static readonly ApiResource Nodes = Of(ObjectKind.Node);

    /// <summary>Pods.</summary>
    public static readonly ApiResource Pods = Of(ObjectKind.Pod);

    /// <summary>Services.</summary>
    public static readonly ApiResource Services = Of(ObjectKind.Service);

    /// <summary>Endpoint slices.</summary>
    public static readonly ApiResource EndpointSlices = Of(ObjectKind.EndpointSlice);

    /// <summary>Secrets.</summary>
    public static readonly ApiResource Secrets = Of(ObjectKind.Secret);

    /// <summary>Gateway API gateways.</summary>
    public static readonly ApiResource Gateways = Of(ObjectKind.Gateway);

    /// <summary>Gateway API classes of gateways.</summary>
    public static readonly ApiResource GatewayClasses = Of(ObjectKind.GatewayClass);

    /// <summary>Config maps.</summary>
    public static readonly ApiResource ConfigMaps = new("", "v1", "configmaps", "ConfigMap", Namespaced: true);

    /// <summary>Service accounts; <see cref="ApiPath.Sub"/> <c>token</c> of one makes tokens.</summary>
    public static readonly ApiResource ServiceAccounts = new("", "v1", "serviceaccounts", "ServiceAccount", Namespaced: true);

    /// <summary>Deployments.</summary>
    public static readonly ApiResource Deployments = new("apps", "v1", "deployments", "Deployment", Namespaced: true);

    /// <summary>Daemon sets.</summary>
    public static readonly ApiResource DaemonSets = new("apps", "v1", "daemonsets", "DaemonSet", Namespaced: true);

    /// <summary>Replica sets.</summary>
    public static readonly ApiResource ReplicaSets = new("apps", "v1", "replicasets", "ReplicaSet", Namespaced: true);

    /// <summary>Pod disruption budgets.</summary>
    public static readonly ApiResource PodDisruptionBudgets = new("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget", Namespaced: true);

    /// <summary>Horizontal pod autoscalers.</summary>
    public static readonly ApiResource HorizontalPodAutoscalers =
        new("autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler", Namespaced: true);

    /// <summary>Leases, by which a leader is elected.</summary>
    public static readonly ApiResource Leases = new("coordination.k8s.io", "v1", "leases", "Lease", Namespaced: true);

    /// <summary>Events of <c>events.k8s.io</c>.</summary>
    public static readonly ApiResource Events = new("events.k8s.io", "v1", "events", "Event", Namespaced: true);

    /// <summary>Reviews of tokens: created, never kept.</summary>
    public static readonly ApiResource TokenReviews = new("authentication.k8s.io", "v1", "tokenreviews", "TokenReview", Namespaced: false);

    /// <summary>Reviews of what somebody may do: created, never kept.</summary>
    public static readonly ApiResource SubjectAccessReviews =
        new("authorization.k8s.io", "v1", "subjectaccessreviews", "SubjectAccessReview", Namespaced: false);

    /// <summary>Definitions of kinds.</summary>
    public static readonly ApiResource CustomResourceDefinitions =
        new("apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", Namespaced: false);

    /// <summary>The <c>apiVersion</c> of its objects: <c>v1</c>, <c>apps/v1</c>.</summary>
    public string ApiVersion => Group.Length == 0 ? Version : $"{Group}/{Version}";

    /// <summary>The resource in RBAC's words: <c>pods</c>, <c>gateways.gateway.networking.k8s.io</c>.</summary>
    public string FullName => Group.Length == 0 ? Plural : $"{Plural}.{Group}";

    private string Root => Group.Length == 0 ? $"/api/{Version}" : $"/apis/{Group}/{Version}";

    /// <summary>The collection of a kind that is read by <see cref="Ztunnel.Resources"/>, in its usual version or another one.</summary>
    public static ApiResource Of(ObjectKind kind, string? version = null)
    {
        ArgumentNullException.ThrowIfNull(kind);
        int slash = kind.ApiVersion.IndexOf('/', StringComparison.Ordinal);
        string group = slash < 0 ? "" : kind.ApiVersion[..slash];
        return new ApiResource(group, version ?? kind.ApiVersion[(slash + 1)..], PluralOf(kind.Name), kind.Name, kind.Namespaced);
    }

    /// <summary>The whole collection, in all namespaces.</summary>
    public ApiPath All() => new(this, $"{Root}/{Plural}");

    /// <summary>What of it is in a namespace.</summary>
    public ApiPath In(string ns) => Namespaced ? new(this, $"{Root}/namespaces/{ApiPath.Segment(ns)}/{Plural}") : throw NotNamespaced();

    /// <summary>One object in a namespace; <paramref name="ns"/> is empty for kinds without namespaces.</summary>
    public ApiPath Named(string ns, string name)
    {
        ArgumentNullException.ThrowIfNull(ns);
        ApiPath collection = ns.Length == 0 && !Namespaced ? All() : In(ns);
        return collection.Sub(name);
    }

    /// <inheritdoc/>
    public override string ToString() => FullName;

    private static string PluralOf(string kind)
    {
        string singular = kind.ToLowerInvariant();
        if (singular.EndsWith('s'))
            return singular + "es";
        return singular.EndsWith('y') && singular[^2] is not ('a' or 'e' or 'o' or 'u') ? singular[..^1] + "ies" : singular + "s";
    }

    private InvalidOperationException NotNamespaced() => new($"{FullName} are not in namespaces");
}
