namespace Ztunnel.Resources;

/// <summary>Reads the body of objects of one kind.</summary>
internal delegate KubernetesObject KindReader(ObjectMetadata metadata, Field root);

/// <summary>Reads single objects: tells their kind, reads their metadata, hands the rest to the kind's reader.</summary>
internal static class ObjectReader
{
    private const string OldGatewayApi = "gateway.networking.k8s.io/v1beta1";
    private const string KubectlAnnotation = "kubectl.kubernetes.io/last-applied-configuration";
    private const string PolicyGroup = "security.istio.io/";

    private static readonly IReadOnlySet<string> OfObjects = Field.Names("apiVersion", "kind", "spec", "status");

    private static readonly IReadOnlySet<string> OfMetadata = Field.Names(
        "generateName", "generation", "resourceVersion", "selfLink", "managedFields", "finalizers", "deletionGracePeriodSeconds");

    private static readonly IReadOnlySet<string> OfOwners = Field.Names("apiVersion", "kind", "name", "uid", "blockOwnerDeletion");

    private static readonly Dictionary<(string ApiVersion, string Kind), (ObjectKind Kind, KindReader Read)> Readers = new()
    {
        [Key(ObjectKind.Namespace)] = (ObjectKind.Namespace, (metadata, _) => new NamespaceObject { Metadata = metadata }),
        [Key(ObjectKind.Node)] = (ObjectKind.Node, NodeReader.Read),
        [Key(ObjectKind.Pod)] = (ObjectKind.Pod, PodReader.Read),
        [Key(ObjectKind.Service)] = (ObjectKind.Service, ServiceReader.Read),
        [Key(ObjectKind.EndpointSlice)] = (ObjectKind.EndpointSlice, EndpointSliceReader.Read),
        [Key(ObjectKind.AuthorizationPolicy)] = (ObjectKind.AuthorizationPolicy, AuthorizationPolicyReader.Read),
        [("security.istio.io/v1beta1", "AuthorizationPolicy")] = (ObjectKind.AuthorizationPolicy, AuthorizationPolicyReader.Read),
        [Key(ObjectKind.PeerAuthentication)] = (ObjectKind.PeerAuthentication, PeerAuthenticationReader.Read),
        [("security.istio.io/v1beta1", "PeerAuthentication")] = (ObjectKind.PeerAuthentication, PeerAuthenticationReader.Read),
        [Key(ObjectKind.RequestAuthentication)] = (ObjectKind.RequestAuthentication, RequestAuthenticationReader.Read),
        [("security.istio.io/v1beta1", "RequestAuthentication")] = (ObjectKind.RequestAuthentication, RequestAuthenticationReader.Read),
        [Key(ObjectKind.Gateway)] = (ObjectKind.Gateway, GatewayReader.Read),
        [Key(ObjectKind.GatewayClass)] = (ObjectKind.GatewayClass, GatewayReader.ReadClass),
        [(OldGatewayApi, ObjectKind.Gateway.Name)] = (ObjectKind.Gateway, GatewayReader.Read),
        [(OldGatewayApi, ObjectKind.GatewayClass.Name)] = (ObjectKind.GatewayClass, GatewayReader.ReadClass),
        [Key(ObjectKind.HttpRoute)] = (ObjectKind.HttpRoute, HttpRouteReader.Read),
        [(OldGatewayApi, ObjectKind.HttpRoute.Name)] = (ObjectKind.HttpRoute, HttpRouteReader.Read),
        [Key(ObjectKind.GrpcRoute)] = (ObjectKind.GrpcRoute, GrpcRouteReader.Read),
        [Key(ObjectKind.TlsRoute)] = (ObjectKind.TlsRoute, StreamRouteReader.ReadTls),
        [("gateway.networking.k8s.io/v1alpha3", ObjectKind.TlsRoute.Name)] = (ObjectKind.TlsRoute, StreamRouteReader.ReadTls),
        [("gateway.networking.k8s.io/v1alpha2", ObjectKind.TlsRoute.Name)] = (ObjectKind.TlsRoute, StreamRouteReader.ReadTls),
        [Key(ObjectKind.TcpRoute)] = (ObjectKind.TcpRoute, StreamRouteReader.ReadTcp),
        [("gateway.networking.k8s.io/v1alpha2", ObjectKind.TcpRoute.Name)] = (ObjectKind.TcpRoute, StreamRouteReader.ReadTcp),
        [Key(ObjectKind.ReferenceGrant)] = (ObjectKind.ReferenceGrant, ReferenceGrantReader.Read),
        [(OldGatewayApi, ObjectKind.ReferenceGrant.Name)] = (ObjectKind.ReferenceGrant, ReferenceGrantReader.Read),
        [Key(ObjectKind.Secret)] = (ObjectKind.Secret, SecretReader.Read),
        [Key(ObjectKind.Telemetry)] = (ObjectKind.Telemetry, (metadata, _) => new TelemetryObject { Metadata = metadata }),
        [("telemetry.istio.io/v1alpha1", ObjectKind.Telemetry.Name)] = (ObjectKind.Telemetry, (metadata, _) => new TelemetryObject { Metadata = metadata }),
        [Key(ObjectKind.ServiceEntry)] = (ObjectKind.ServiceEntry, ServiceEntryReader.Read),
        [("networking.istio.io/v1beta1", ObjectKind.ServiceEntry.Name)] = (ObjectKind.ServiceEntry, ServiceEntryReader.Read),
        [("networking.istio.io/v1alpha3", ObjectKind.ServiceEntry.Name)] = (ObjectKind.ServiceEntry, ServiceEntryReader.Read),
        [Key(ObjectKind.DestinationRule)] = (ObjectKind.DestinationRule, DestinationRuleReader.Read),
        [("networking.istio.io/v1beta1", ObjectKind.DestinationRule.Name)] = (ObjectKind.DestinationRule, DestinationRuleReader.Read),
        [("networking.istio.io/v1alpha3", ObjectKind.DestinationRule.Name)] = (ObjectKind.DestinationRule, DestinationRuleReader.Read),
        [Key(ObjectKind.WorkloadEntry)] = (ObjectKind.WorkloadEntry, EntryEndpointReader.ReadWorkload),
        [("networking.istio.io/v1beta1", ObjectKind.WorkloadEntry.Name)] = (ObjectKind.WorkloadEntry, EntryEndpointReader.ReadWorkload),
        [("networking.istio.io/v1alpha3", ObjectKind.WorkloadEntry.Name)] = (ObjectKind.WorkloadEntry, EntryEndpointReader.ReadWorkload),
    };

    /// <summary>The kind of that name, or null when it is none we use.</summary>
    public static ObjectKind? KindOf(string apiVersion, string kind) =>
        Readers.TryGetValue((apiVersion, kind), out (ObjectKind Kind, KindReader Read) known) ? known.Kind : null;

    /// <summary>The kinds read, each with the <c>apiVersion</c>s it is read of.</summary>
    public static IEnumerable<IGrouping<ObjectKind, string>> Kinds { get; } =
        [.. Readers.GroupBy(entry => entry.Value.Kind, entry => entry.Key.ApiVersion)];

    /// <summary>
    /// Reads an object of a known kind. The key is null when the object's name could not be read. When anything in the object
    /// is wrong, which the reading then tells, it is null or what <see cref="KubernetesObject.StandsIn"/> for it.
    /// </summary>
    public static (ObjectKey? Key, KubernetesObject? Object) Read(ObjectKind kind, Field root, ObjectReading reading)
    {
        ObjectKey? key = ReadKey(kind, root["metadata"], reading);
        if (!reading.IsServed)
            root.CheckKeys();
        ObjectMetadata metadata = ReadMetadata(key, root["metadata"], reading);
        KubernetesObject read = Readers[Key(kind)].Read(metadata, root);
        root["metadata"].Unknown(reading.IsServed ? UnknownFields.Ignored : UnknownFields.Tolerated);
        root["status"].Unknown(UnknownFields.Ignored);
        UnknownFields others = reading.IsServed ? UnknownFields.Ignored : UnknownFields.Remarked;
        root.Also(OfObjects).CheckNames(IsPolicy(kind) ? UnknownFields.Refused : others);
        if (key is null)
            return (null, null);
        return (key, reading.HasMistakes ? read.StandIn() : read);
    }

    /// <summary>Reads which object it is, and has the reading name it from then on; null when that cannot be read.</summary>
    public static ObjectKey? ReadKey(ObjectKind kind, Field metadata, ObjectReading reading)
    {
        reading.Subject = kind.Name;
        reading.Discreet = kind == ObjectKind.Secret;
        Func<string, string?> rule = kind == ObjectKind.Namespace || kind == ObjectKind.Service
            ? KubernetesSyntax.LabelFault
            : KubernetesSyntax.SubdomainFault;
        string? name = metadata["name"].RequiredText(rule);
        string? @namespace = "";
        if (kind.Namespaced)
            @namespace = metadata["namespace"].Present ? metadata["namespace"].RequiredText(KubernetesSyntax.LabelFault) : "default";
        // In the wrong namespace it would be another object.
        if (kind.Namespaced && metadata.Misspells("namespace"))
            @namespace = null;
        if (name is null || @namespace is null)
            return null;
        var key = new ObjectKey(kind, @namespace, name);
        reading.Subject = key.ToString();
        return key;
    }

    /// <summary>Whether every field of the kind's API is known, and one left out might open a door.</summary>
    public static bool IsPolicy(ObjectKind kind) => kind.ApiVersion.StartsWith(PolicyGroup, StringComparison.Ordinal);

    private static (string ApiVersion, string Kind) Key(ObjectKind kind) => (kind.ApiVersion, kind.Name);

    private static ObjectMetadata ReadMetadata(ObjectKey? key, Field metadata, ObjectReading reading)
    {
        metadata.Also(OfMetadata);
        foreach ((_, Field value) in metadata["labels"].Entries())
            value.Text(KubernetesSyntax.LabelValueFault);
        return new ObjectMetadata
        {
            Name = key?.Name ?? "",
            Namespace = key?.Namespace ?? "",
            Uid = metadata["uid"].Text() is { Length: > 0 } uid ? uid : null,
            Labels = metadata["labels"].Strings(),
            Annotations = metadata["annotations"].Strings(name => !IsLeftOut(name, reading)),
            Generation = metadata["generation"].Number(0, int.MaxValue, "a number from 0") ?? 0,
            Created = metadata["creationTimestamp"].Time(),
            Deleting = metadata["deletionTimestamp"].Time() is not null,
            Controller = ReadController(metadata["ownerReferences"]),
        };
    }

    private static bool IsLeftOut(string annotation, ObjectReading reading) =>
        annotation is KubectlAnnotation || (reading.IsServed && annotation is PodObject.NetworkNamespaceAnnotation);

    private static ControllerReference? ReadController(Field owners)
    {
        ControllerReference? controller = null;
        foreach (Field owner in owners.Items())
        {
            if (owner.Also(OfOwners)["controller"].Flag() == true && owner["kind"].RequiredText() is { } kind && owner["name"].RequiredText() is { } name)
                controller ??= new ControllerReference(kind, name);
        }

        return controller;
    }
}
