using Ztunnel.Mesh;

namespace Ztunnel.Resources;

/// <summary>A Gateway API <c>Gateway</c>, version v1 or v1beta1, which have the same fields.</summary>
public sealed record GatewayObject : KubernetesObject
{
    /// <inheritdoc/>
    public override ObjectKind Kind => ObjectKind.Gateway;

    /// <summary><c>spec.gatewayClassName</c>: the GatewayClass it is of.</summary>
    public required string ClassName { get; init; }

    /// <summary><c>spec.listeners</c>.</summary>
    public ValueArray<GatewayListener> Listeners { get; init; } = [];

    /// <summary><c>spec.addresses</c>: where it was asked to be.</summary>
    public ValueArray<GatewayAddress> RequestedAddresses { get; init; } = [];

    /// <summary>Whether it is somebody else's to run, as it asks to be at services, or at several addresses.</summary>
    public bool IsRunByOthers => RequestedAddresses.Count > 0 && RequestedAddresses is not [{ Type: GatewayAddress.IPAddress }];

    /// <summary><c>status.addresses</c>: where it is.</summary>
    public ValueArray<GatewayAddress> Addresses { get; init; } = [];

    /// <summary>The status of the <c>Programmed</c> condition, or null where there is no such condition.</summary>
    public bool? Programmed { get; init; }

    /// <summary><c>spec.infrastructure.labels</c>: the labels of what is made for it.</summary>
    public StringMap InfrastructureLabels { get; init; } = StringMap.Empty;

    /// <summary><c>spec.infrastructure.annotations</c>: the annotations of what is made for it.</summary>
    public StringMap InfrastructureAnnotations { get; init; } = StringMap.Empty;

    /// <summary><c>spec.infrastructure.parametersRef</c>, the kind of what parameters are taken from with its group; null for none.</summary>
    public string? ParametersKind { get; init; }

    /// <summary>The name of that, in the Gateway's namespace; null for none.</summary>
    public string? ParametersName { get; init; }
}

/// <summary>One of <c>spec.listeners</c> of a Gateway.</summary>
public sealed record GatewayListener
{
    /// <summary>Its name, unique in the Gateway.</summary>
    public required string Name { get; init; }

    /// <summary>The port it listens on.</summary>
    public required ushort Port { get; init; }

    /// <summary>What it speaks: <c>HTTP</c>, <c>HTTPS</c>, <c>TLS</c>, <c>TCP</c>, <c>UDP</c>, or an implementation's own, such as <c>HBONE</c>.</summary>
    public required string Protocol { get; init; }

    /// <summary>The host it is for, perhaps with <c>*.</c> in front; null for all.</summary>
    public string? Hostname { get; init; }

    /// <summary><c>allowedRoutes.namespaces</c>: what may attach to it. The Gateway's own namespace where it says nothing.</summary>
    public AllowedNamespaces AllowedNamespaces { get; init; } = AllowedNamespaces.Same;

    /// <summary><c>allowedRoutes.kinds</c>: the kinds of routes that may attach; what its protocol allows where there are none.</summary>
    public ValueArray<AllowedKind> AllowedKinds { get; init; } = [];

    /// <summary><c>tls</c>; null where it says nothing.</summary>
    public ListenerTls? Tls { get; init; }
}

/// <summary>A kind of routes.</summary>
public sealed record AllowedKind(string Group, string Kind);

/// <summary>What a listener says of TLS.</summary>
public sealed record ListenerTls
{
    /// <summary>Whether TLS is passed through and not terminated.</summary>
    public bool Passthrough { get; init; }

    /// <summary><c>certificateRefs</c>.</summary>
    public ValueArray<CertificateReference> Certificates { get; init; } = [];
}

/// <summary>A reference to a certificate.</summary>
/// <param name="Group">The group; empty for Kubernetes' own.</param>
/// <param name="Kind">The kind.</param>
/// <param name="Namespace">The namespace; the Gateway's own where null.</param>
/// <param name="Name">The name.</param>
public sealed record CertificateReference(string Group, string Kind, string? Namespace, string Name);

/// <summary>One of the addresses of a Gateway.</summary>
/// <param name="Type">Its type: <c>IPAddress</c>, <c>Hostname</c>, or an implementation's own with a domain prefix.</param>
/// <param name="Value">The address; empty where a type is asked for and no particular address.</param>
public sealed record GatewayAddress(string Type, string Value)
{
    /// <summary>The type of an IP address, the default.</summary>
    public const string IPAddress = "IPAddress";

    /// <summary>The type of a DNS name.</summary>
    public const string Hostname = "Hostname";
}
