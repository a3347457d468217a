namespace Ztunnel.Mesh;

/// <summary>
/// Chooses among a service's endpoints. Each event loop has its own, so an implementation needs no locks; it must not
/// allocate, as it runs at least once for each connection to a service.
/// </summary>
public interface IEndpointPicker
{
    /// <summary>
    /// The <see cref="Endpoint.Route"/> of the endpoint to use; null when none of these will do. The caller then asks again
    /// with a wider choice, and at the end with the widest and <see cref="EndpointChoice.LastResort"/>.
    /// </summary>
    Route? Pick(in EndpointChoice choice);
}
