using Ztunnel.Mesh;
using Ztunnel.Resources;

namespace Ztunnel.Control;

/// <summary>Everything that decides what is made for a Gateway.</summary>
public sealed record GatewayInputs
{
    /// <summary>The Gateway.</summary>
    public required GatewayObject Gateway { get; init; }

    /// <summary>Its class; null while there is none of that name.</summary>
    public GatewayClassObject? Class { get; init; }

    /// <summary>The labels of its namespace.</summary>
    public StringMap NamespaceLabels { get; init; } = StringMap.Empty;

    /// <summary>The Secrets that its pods need and may have.</summary>
    public IReadOnlyList<SecretName> Secrets { get; init; } = [];

    /// <summary>What is set for all Gateways of its class; null for nothing.</summary>
    public ParametersMap? ClassDefaults { get; init; }

    /// <summary>What its own <c>parametersRef</c> refers to; null where it refers to nothing, or to what is not there.</summary>
    public ParametersMap? Parameters { get; init; }
}

/// <summary>A ConfigMap of parameters.</summary>
/// <param name="Namespace">Its namespace.</param>
/// <param name="Name">Its name.</param>
/// <param name="Data">Its <c>data</c>: patches as YAML, by what they are for.</param>
public sealed record ParametersMap(string Namespace, string Name, StringMap Data)
{
    /// <summary>The form messages use: <c>ConfigMap namespace/name</c>.</summary>
    public override string ToString() => $"ConfigMap {Namespace}/{Name}";
}
