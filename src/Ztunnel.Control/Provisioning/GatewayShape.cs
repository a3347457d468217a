using System.Collections.Immutable;
using System.Text.Json.Nodes;
using Ztunnel.Resources;

namespace Ztunnel.Control;

/// <summary>A Gateway as the templates see it: who it is, and what everything made for it carries.</summary>
internal sealed record GatewayShape
{
    public required GatewayObject Gateway { get; init; }

    /// <summary>Whether it is made as a waypoint, which takes tunnels only and is reached within the cluster.</summary>
    public required bool Waypoint { get; init; }

    /// <summary>The controller that its class names.</summary>
    public required string Controller { get; init; }

    /// <summary>The name of its Deployment and Service.</summary>
    public required string Name { get; init; }

    /// <summary>The name of its service account.</summary>
    public required string ServiceAccount { get; init; }

    /// <summary>The Secrets that its pods need and may have.</summary>
    public required IReadOnlyList<SecretName> Secrets { get; init; }

    /// <summary>The revision of the controller that makes it.</summary>
    public required string Revision { get; init; }

    /// <summary>The type of its Service.</summary>
    public required string ServiceType { get; init; }

    private const string NotCaptured = "none";

    private bool CapturesItself => (Gateway.InfrastructureLabels[GatewayLabels.DataplaneMode] ?? Gateway.Metadata.Labels[GatewayLabels.DataplaneMode]) is not null;

    public string Namespace => Gateway.Metadata.Namespace;

    /// <summary>The labels of everything that is made for it.</summary>
    public ImmutableSortedDictionary<string, string> Labels
    {
        get
        {
            var labels = GatewayLabels.LabelsFor(Gateway.InfrastructureLabels, Gateway.Metadata.Labels)
                .ToImmutableSortedDictionary(StringComparer.Ordinal)
                .SetItems(OwnLabels);
            return Waypoint || CapturesItself ? labels : labels.SetItem(GatewayLabels.DataplaneMode, NotCaptured);
        }
    }

    /// <summary>The labels of its pods: its own connections are never captured unless that is asked for.</summary>
    public ImmutableSortedDictionary<string, string> PodLabels =>
        Labels.ContainsKey(GatewayLabels.DataplaneMode) || CapturesItself ? Labels : Labels.Add(GatewayLabels.DataplaneMode, NotCaptured);

    /// <summary>The annotations of everything that is made for it.</summary>
    public ImmutableSortedDictionary<string, string> Annotations =>
        GatewayLabels.AnnotationsFor(Gateway.InfrastructureAnnotations, Gateway.Metadata.Annotations).ToImmutableSortedDictionary(StringComparer.Ordinal);

    /// <summary>The labels its pods are selected by; they may never change.</summary>
    public JsonObject Selector => new() { [GatewayLabels.Name] = Gateway.Metadata.Name };

    /// <summary>The <c>metadata</c> of an object that goes when the Gateway goes.</summary>
    public JsonObject Metadata(string name, IEnumerable<KeyValuePair<string, string>>? annotations = null) => new()
    {
        ["name"] = name,
        ["namespace"] = Namespace,
        ["labels"] = Map(Labels),
        ["annotations"] = Map(Annotations.SetItems(annotations ?? [])),
        ["ownerReferences"] = new JsonArray(new JsonObject
        {
            ["apiVersion"] = ObjectKind.Gateway.ApiVersion,
            ["kind"] = ObjectKind.Gateway.Name,
            ["name"] = Gateway.Metadata.Name,
            ["uid"] = Gateway.Metadata.Uid,
        }),
    };

    /// <summary>The <c>metadata</c> of an object in another namespace, which no Gateway can own: its labels say whose it is, and nothing on it is the Gateway's owner's choice.</summary>
    public JsonObject MetadataIn(string @namespace, string name) => new()
    {
        ["name"] = name,
        ["namespace"] = @namespace,
        ["labels"] = Map(OwnLabels.SetItem(GatewayLabels.Namespace, Namespace).SetItem(GatewayLabels.Revision, Revision)),
    };

    private ImmutableSortedDictionary<string, string> OwnLabels => ImmutableSortedDictionary.Create<string, string>(StringComparer.Ordinal)
        .SetItem(GatewayLabels.Name, Gateway.Metadata.Name)
        .SetItem(GatewayLabels.Class, Gateway.ClassName)
        .SetItem(GatewayLabels.Managed, Controller.Replace('/', '-'));

    public static JsonObject Map(IEnumerable<KeyValuePair<string, string>> entries) =>
        new(entries.Select(entry => KeyValuePair.Create<string, JsonNode?>(entry.Key, entry.Value)));
}
