using Ztunnel.Mesh;

namespace Ztunnel.Resources;

/// <summary>The names of traffic distributions, and which of several counts (Istio's order).</summary>
internal static class Distributions
{
    private const string Annotation = "networking.istio.io/traffic-distribution";

    private static readonly Dictionary<string, TrafficDistribution> Names = new(StringComparer.OrdinalIgnoreCase)
    {
        ["PreferClose"] = TrafficDistribution.PreferSameZone,
        ["PreferSameZone"] = TrafficDistribution.PreferSameZone,
        ["PreferSameNode"] = TrafficDistribution.PreferSameNode,
    };

    /// <summary>The distribution of that name; null for none, or one we do not know.</summary>
    public static TrafficDistribution? Named(string? name) =>
        name is not null && Names.TryGetValue(name, out TrafficDistribution distribution) ? distribution : null;

    /// <summary>What an object's annotation says; <see cref="TrafficDistribution.Any"/> where it says something else, null where there is none.</summary>
    public static TrafficDistribution? Annotated(ObjectMetadata metadata) =>
        metadata.Annotations[Annotation] is { } name ? Named(name) ?? TrafficDistribution.Any : null;

    /// <summary>What counts for a service: its own field, then its annotation, then its namespace's.</summary>
    public static TrafficDistribution Of(ServiceObject service, TrafficDistribution? ofNamespace) =>
        service.Distribution ?? Annotated(service.Metadata) ?? ofNamespace ?? TrafficDistribution.Any;
}
