using System.Collections.Immutable;
using Ztunnel.Mesh;

namespace Ztunnel.Resources;

/// <summary>What Gateway API's objects bear on that others keep.</summary>
internal sealed class GatewayApiObjects
{
    /// <summary>The service of a name; null where there is none.</summary>
    public required Func<ServiceName, ServiceObject?> Service { get; init; }

    /// <summary>The services of a namespace.</summary>
    public required Func<string, IReadOnlyCollection<ServiceObject>> ServicesIn { get; init; }

    /// <summary>The endpoints of a service.</summary>
    public required Func<ServiceName, ImmutableArray<Endpoint>> Endpoints { get; init; }

    /// <summary>The pods that are labelled as instances of a Gateway.</summary>
    public required Func<GatewayName, IReadOnlyCollection<PodObject>> Instances { get; init; }

    /// <summary>The ServiceEntry of a key; null where there is none.</summary>
    public required Func<ObjectKey, ServiceEntryObject?> Entry { get; init; }

    /// <summary>The service of a hostname for a namespace; null where there is none that it knows of.</summary>
    public required Func<string, string, Service?> Host { get; init; }

    /// <summary>The labels of a namespace.</summary>
    public required Func<string, StringMap> NamespaceLabels { get; init; }
}
