using System.Collections.Concurrent;
using Ztunnel.Mesh;

namespace Ztunnel.Identity.Tests;

/// <summary>An authority that signs for real, after whatever a test has it do first.</summary>
internal sealed class ScriptedAuthority(TimeProvider time, CertificateAuthorityOptions? options = null) : ICertificateAuthority
{
    private readonly BuiltInCertificateAuthority _signer = BuiltInCertificateAuthority.CreateInMemory("cluster.local", options, time);
    private int _underWay;
    private int _most;

    /// <summary>What happens before each signature; nothing unless set.</summary>
    public Func<SpiffeId, CancellationToken, Task>? Before { get; set; }

    /// <summary>What is made of each answer; nothing unless set.</summary>
    public Func<IssuedCertificate, IssuedCertificate>? After { get; set; }

    /// <summary>Whom certificates were asked for, in order.</summary>
    public ConcurrentQueue<SpiffeId> Asked { get; } = new();

    /// <summary>The most requests that were under way at once.</summary>
    public int MostAtOnce => _most;

    public TrustBundle Trust => _signer.Trust;

    public AuthorityStatus Status => _signer.Status;

    public int Count(SpiffeId identity) => Asked.Count(identity.Equals);

    public async Task<IssuedCertificate> Issue(SpiffeId identity, ReadOnlyMemory<byte> signingRequest, CancellationToken cancellationToken)
    {
        lock (_signer)
            _most = Math.Max(_most, ++_underWay);
        try
        {
            Asked.Enqueue(identity);
            if (Before is not null)
                await Before(identity, cancellationToken);
            IssuedCertificate issued = await _signer.Issue(identity, signingRequest, cancellationToken);
            return After is null ? issued : After(issued);
        }
        finally
        {
            lock (_signer)
                _underWay--;
        }
    }

    public void Dispose() => _signer.Dispose();
}
