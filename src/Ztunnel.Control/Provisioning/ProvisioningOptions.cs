namespace Ztunnel.Control;

/// <summary>What everything that is made for Gateways has in common.</summary>
public sealed record ProvisioningOptions
{
    /// <summary>The image of the gateways' pods: this program's own.</summary>
    public required string Image { get; init; }

    /// <summary><c>imagePullPolicy</c>; null leaves it to Kubernetes.</summary>
    public string? ImagePullPolicy { get; init; }

    /// <summary>The namespace of the mesh's own objects, where class-wide parameters are.</summary>
    public string SystemNamespace { get; init; } = "istio-system";

    /// <summary>Trust domain of the gateways' identities.</summary>
    public string TrustDomain { get; init; } = "cluster.local";

    /// <summary>Where gateways have their certificates signed, <c>HOST:PORT</c>; null is the controller's Service in the system namespace.</summary>
    public string? CertificateAuthority { get; init; }

    /// <summary>
    /// Whose Gateways these are: those labelled <c>istio.io/rev</c> with this, themselves or by their namespace, and those without
    /// such a label where this is <see cref="DefaultRevision"/>.
    /// </summary>
    public string Revision { get; init; } = DefaultRevision;

    /// <summary>The revision of what names none.</summary>
    public const string DefaultRevision = "default";

    /// <summary>The address in effect of <see cref="CertificateAuthority"/>.</summary>
    internal string AuthorityAddress => CertificateAuthority ?? $"ztunnel-controller.{SystemNamespace}.svc:15012";
}
