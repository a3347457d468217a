using Ztunnel.Resources;

namespace Ztunnel.Control;

/// <summary>What a <see cref="MeshController"/> is told at start.</summary>
public sealed record ControllerOptions
{
    /// <summary>What is made for Gateways.</summary>
    public required ProvisioningOptions Provisioning { get; init; }

    /// <summary>How objects become the mesh, which is to be as the agents have it.</summary>
    public TranslatorOptions Translation { get; init; } = new() { DeriveEndpoints = false, InCluster = true };

    /// <summary>How long statuses wait for a first look at all Gateways, after which they say what keeps one from being made.</summary>
    internal TimeSpan FirstLook { get; init; } = TimeSpan.FromSeconds(15);
}
