using Ztunnel.Mesh;

namespace Ztunnel.Proxy;

/// <summary>An endpoint that could not be connected to of late, as the diagnostics endpoint shows it.</summary>
/// <param name="Endpoint">The endpoint.</param>
/// <param name="Failures">Failed connects in a row.</param>
/// <param name="Until">Until when it is passed over, while it is.</param>
/// <param name="Share">How much of its share of new connections it is given: 0 while it is passed over, up to 1.</param>
public sealed record EjectionSnapshot(Endpoint Endpoint, int Failures, DateTimeOffset? Until, double Share);
