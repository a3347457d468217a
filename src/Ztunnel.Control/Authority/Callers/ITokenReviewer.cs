namespace Ztunnel.Control;

/// <summary>Says whose a service account token is.</summary>
internal interface ITokenReviewer
{
    /// <summary>
    /// Whose it is, or null where it is nobody's: expired, for another audience, of a pod that is gone. Throws
    /// <see cref="Identity.GrpcException"/> where that cannot be found out now.
    /// </summary>
    Task<Caller?> Review(string token, CancellationToken cancellationToken);
}
