using System.Collections.Immutable;

namespace Ztunnel.Testing.Api;

/// <summary>The kinds every cluster has.</summary>
internal static class CoreKinds
{
    public static readonly ResourceKind Namespaces = Core("namespaces", "Namespace", "ns") with
    {
        Namespaced = false,
        HasStatus = true,
        SelectableFields = ["status.phase"],
        Schema = PlainSchemas.Namespace,
        Shape = Shapes.Conditioned,
        Columns = "Status=status.phase; Age",
    };

    public static readonly ResourceKind Pods = Core("pods", "Pod", "po") with
    {
        HasStatus = true,
        Categories = ["all"],
        Shape = Shapes.Pod,
        Schema = PodSchema.Pod,
        SelectableFields = ["spec.nodeName", "status.phase", "spec.serviceAccountName", "spec.restartPolicy", "status.podIP", "spec.hostNetwork"],
    };

    public static readonly ResourceKind ServiceAccounts = Core("serviceaccounts", "ServiceAccount", "sa") with { Shape = Shapes.ServiceAccount };

    public static readonly ResourceKind Services = Core("services", "Service", "svc") with
    {
        HasStatus = true,
        Categories = ["all"],
        SelectableFields = ["spec.clusterIP", "spec.type"],
        Shape = Shapes.Service,
        Schema = PlainSchemas.Service,
    };

    public static readonly ResourceKind Secrets = Core("secrets", "Secret") with { SelectableFields = ["type"], Schema = PlainSchemas.Secret };

    public static readonly ResourceKind ConfigMaps = Core("configmaps", "ConfigMap", "cm") with { Schema = PlainSchemas.ConfigMap };

    public static readonly ResourceKind Nodes = Core("nodes", "Node", "no") with
    {
        Namespaced = false,
        HasStatus = true,
        SelectableFields = ["spec.unschedulable"],
        Shape = Shapes.Node,
    };

    public static readonly ResourceKind Events = new()
    {
        Group = "events.k8s.io",
        Versions = ["v1"],
        Plural = "events",
        Kind = "Event",
        ShortNames = ["ev"],
        Schema = PlainSchemas.Event,
        SelectableFields =
        [
            "reason", "type", "reportingController", "regarding.kind", "regarding.namespace", "regarding.name", "regarding.uid",
        ],
    };

    public static readonly ResourceKind CoreEvents = Core("events", "Event", "ev") with
    {
        KeptAs = Events,
        Conversion = (EventConversion.ToKept, EventConversion.FromKept),
        SelectableFields =
        [
            "reason", "type", "reportingComponent", "involvedObject.kind", "involvedObject.namespace", "involvedObject.name",
            "involvedObject.uid",
        ],
    };

    public static readonly ResourceKind Deployments = Apps("deployments", "Deployment", "deploy") with { HasScale = true, Schema = PodSchema.Deployment };

    public static readonly ResourceKind ReplicaSets = Apps("replicasets", "ReplicaSet", "rs") with { HasScale = true, Schema = PodSchema.ReplicaSet };

    public static readonly ResourceKind StatefulSets = Apps("statefulsets", "StatefulSet", "sts") with { HasScale = true, Schema = PodSchema.StatefulSet };

    public static readonly ResourceKind DaemonSets = Apps("daemonsets", "DaemonSet", "ds") with { Schema = PodSchema.DaemonSet };

    public static readonly ResourceKind EndpointSlices = Of("discovery.k8s.io", "endpointslices", "EndpointSlice") with { HasGeneration = true, Schema = PlainSchemas.EndpointSlice };

    public static readonly ResourceKind Leases = Of("coordination.k8s.io", "leases", "Lease") with
    {
        Schema = PlainSchemas.Lease,
        Columns = "Holder=spec.holderIdentity; Age",
    };

    public static readonly ResourceKind TokenReviews = Of("authentication.k8s.io", "tokenreviews", "TokenReview") with
    {
        Namespaced = false,
        Answered = true,
    };

    public static readonly ResourceKind CustomResourceDefinitions = new()
    {
        Group = "apiextensions.k8s.io",
        Versions = ["v1"],
        Plural = "customresourcedefinitions",
        Kind = "CustomResourceDefinition",
        ShortNames = ["crd", "crds"],
        Namespaced = false,
        HasStatus = true,
        HasGeneration = true,
        Columns = "Created At=metadata.creationTimestamp",
    };

    /// <summary>All of them.</summary>
    public static readonly ImmutableArray<ResourceKind> All =
    [
        Namespaces, Pods, ServiceAccounts, Services, Secrets, ConfigMaps, Nodes, CoreEvents, Events,
        Core("endpoints", "Endpoints", "ep"),
        Core("persistentvolumeclaims", "PersistentVolumeClaim", "pvc") with { HasStatus = true },
        Core("resourcequotas", "ResourceQuota", "quota") with { HasStatus = true },
        Core("limitranges", "LimitRange", "limits"),
        Deployments, ReplicaSets, StatefulSets, DaemonSets, EndpointSlices, Leases, TokenReviews, CustomResourceDefinitions,
        Of("authentication.k8s.io", "selfsubjectreviews", "SelfSubjectReview") with { Namespaced = false, Answered = true },
        Of("authorization.k8s.io", "subjectaccessreviews", "SubjectAccessReview") with { Namespaced = false, Answered = true },
        Of("authorization.k8s.io", "selfsubjectaccessreviews", "SelfSubjectAccessReview") with { Namespaced = false, Answered = true },
        Of("batch", "jobs", "Job") with { HasStatus = true, HasGeneration = true, Categories = ["all"] },
        Of("policy", "poddisruptionbudgets", "PodDisruptionBudget", "pdb") with
        {
            HasStatus = true,
            HasGeneration = true,
            Shape = Shapes.Selecting,
        },
        Of("autoscaling", "horizontalpodautoscalers", "HorizontalPodAutoscaler", "hpa") with
        {
            Schema = PlainSchemas.Autoscaler,
            Shape = Shapes.Conditioned,
            Versions = ["v2"], HasStatus = true, Categories = ["all"],
        },
        Of("rbac.authorization.k8s.io", "roles", "Role") with { Schema = PlainSchemas.Role, Columns = "Created At=metadata.creationTimestamp" },
        Of("rbac.authorization.k8s.io", "rolebindings", "RoleBinding") with { Columns = RoleColumn, Shape = Shapes.RoleBinding, Schema = PlainSchemas.RoleBinding },
        Of("rbac.authorization.k8s.io", "clusterroles", "ClusterRole") with
        {
            Schema = PlainSchemas.Role,
            Namespaced = false, Columns = "Created At=metadata.creationTimestamp",
        },
        Of("rbac.authorization.k8s.io", "clusterrolebindings", "ClusterRoleBinding") with { Namespaced = false, Columns = RoleColumn, Shape = Shapes.RoleBinding, Schema = PlainSchemas.RoleBinding },
        Of("scheduling.k8s.io", "priorityclasses", "PriorityClass", "pc") with { Namespaced = false },
        Of("networking.k8s.io", "networkpolicies", "NetworkPolicy", "netpol") with { HasGeneration = true, Shape = Shapes.Selecting },
        Of("networking.k8s.io", "ingresses", "Ingress", "ing") with { HasStatus = true, HasGeneration = true },
        Of("admissionregistration.k8s.io", "validatingadmissionpolicies", "ValidatingAdmissionPolicy") with
        {
            Namespaced = false, HasStatus = true, HasGeneration = true,
        },
    ];

    private const string RoleColumn = "Role=roleRef.name; Age";

    private static ResourceKind Core(string plural, string kind, params string[] shortNames) => Of("", plural, kind, shortNames);

    private static ResourceKind Apps(string plural, string kind, string shortName) => Of("apps", plural, kind, shortName) with
    {
        HasStatus = true,
        HasGeneration = true,
        Categories = ["all"],
        Shape = Shapes.Template,
    };

    private static ResourceKind Of(string group, string plural, string kind, params string[] shortNames) => new()
    {
        Group = group,
        Versions = ["v1"],
        Plural = plural,
        Kind = kind,
        ShortNames = [.. shortNames],
    };
}
