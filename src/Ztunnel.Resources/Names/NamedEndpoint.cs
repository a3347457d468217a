using Ztunnel.Mesh;

namespace Ztunnel.Resources;

/// <summary>An endpoint of a service that is found by its name in DNS.</summary>
/// <param name="Set">The name of the endpoint set that its addresses become.</param>
/// <param name="Name">The name.</param>
/// <param name="Ports">Which port serves which of the service's.</param>
internal sealed record NamedEndpoint(string Set, string Name, ValueArray<EndpointPort> Ports)
{
    /// <summary>The region it is in; null where nothing says so.</summary>
    public string? Region { get; init; }

    /// <summary>The zone it is in; null where nothing says so.</summary>
    public string? Zone { get; init; }
}
