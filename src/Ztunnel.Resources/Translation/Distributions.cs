using Ztunnel.Mesh;

namespace Ztunnel.Resources;

/// <summary>The names of traffic distributions, and which of several counts (Istio's order).</summary>
internal static class Distributions
{
    private const string Annotation = "networking.istio.io/traffic-distribution";

    /// <summary>What a Service's <c>spec.trafficDistribution</c> may say.</summary>
    public static readonly IReadOnlyDictionary<string, TrafficDistribution> OfFields = new Dictionary<string, TrafficDistribution>(StringComparer.Ordinal)
    {
        ["PreferClose"] = TrafficDistribution.PreferSameZone,
        ["PreferSameZone"] = TrafficDistribution.PreferSameZone,
        ["PreferSameNode"] = TrafficDistribution.PreferSameNode,
    };

    // Istio reads its annotation without regard to case.
    private static readonly Dictionary<string, TrafficDistribution> OfAnnotations = new(OfFields, StringComparer.OrdinalIgnoreCase);

    /// <summary>What an object's annotation says; <see cref="TrafficDistribution.Any"/> where it says something else, null where there is none.</summary>
    public static TrafficDistribution? Annotated(ObjectMetadata metadata) =>
        metadata.Annotations[Annotation] is { } name ? OfAnnotations.GetValueOrDefault(name, TrafficDistribution.Any) : null;

    /// <summary>What counts for a service: its own field, then its annotation, then its namespace's.</summary>
    public static TrafficDistribution Of(ServiceObject service, TrafficDistribution? ofNamespace) =>
        service.Distribution ?? Annotated(service.Metadata) ?? ofNamespace ?? TrafficDistribution.Any;
}
