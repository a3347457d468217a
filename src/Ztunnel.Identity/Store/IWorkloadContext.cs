namespace Ztunnel.Identity;

/// <summary>Where an identity's certificate is put to use: its TLS context, or what a test has in its place.</summary>
internal interface IWorkloadContext : IDisposable
{
    /// <summary>
    /// Presents <paramref name="certificate"/> from the next handshake on and verifies by <paramref name="roots"/>. The
    /// key stays the caller's.
    /// </summary>
    void Install(KeyedCertificate certificate, TrustRoots roots);

    /// <summary>Verifies by <paramref name="roots"/> from the next handshake on; only after an <see cref="Install"/>.</summary>
    void Trust(TrustRoots roots);
}
