namespace Ztunnel.Mesh;

/// <summary>Policies changed, or the waypoints that connections have to come through: those about workloads of <paramref name="Namespace"/>, or of every namespace when it is null.</summary>
public sealed record PolicyChange(string? Namespace);
