namespace Ztunnel.Mesh;

/// <summary>
/// Chooses among a service's ready endpoints. Each event loop has its own, so an implementation needs no locks; it must not
/// allocate, as it runs once for each connection to a service.
/// </summary>
public interface IEndpointPicker
{
    /// <summary>The index in <paramref name="ready"/> of the endpoint to use; there is at least one.</summary>
    int Pick(ReadOnlySpan<Endpoint> ready);
}
