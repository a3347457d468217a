using System.Collections.Immutable;
using System.Security.Cryptography;
using Ztunnel.Identity;
using Ztunnel.Mesh;

namespace Ztunnel.Control;

/// <summary>What this replica signs with and tells to be trusted, swapped live. Safe from any thread.</summary>
internal sealed class SigningState : IDisposable
{
    private readonly Lock _gate = new();
    private SigningIdentity? _signer;
    private string _rootsPem = "";

    /// <summary>Raised after another key signs or other roots are told, on whichever thread brought it.</summary>
    public event EventHandler? Changed;

    /// <summary>Whether there is anything to sign with.</summary>
    public bool Ready
    {
        get
        {
            lock (_gate)
                return _signer is not null;
        }
    }

    /// <summary>Until when what signs is valid; null before there is any.</summary>
    public DateTimeOffset? SignsUntil
    {
        get
        {
            lock (_gate)
                return _signer?.NotAfter;
        }
    }

    /// <summary>Puts another key in use, which this then owns, and tells other roots.</summary>
    public void Use(SigningIdentity signer, IEnumerable<ParsedCertificate> roots)
    {
        string pem = string.Concat(roots.Select(root => PemEncoding.WriteString("CERTIFICATE", root.Der.Span) + "\n"));
        lock (_gate)
        {
            _signer?.Dispose();
            _signer = signer;
            _rootsPem = pem;
        }

        Changed?.Invoke(this, EventArgs.Empty);
    }

    /// <summary>
    /// A certificate as Istio's service answers: the leaf, each intermediate, and last all roots in one string, which is where its
    /// clients look for them. Throws <see cref="IssuanceException"/>.
    /// </summary>
    public IReadOnlyList<string> Issue(SpiffeId identity, ReadOnlyMemory<byte> signingRequest, TimeSpan lifetime, DateTimeOffset now)
    {
        lock (_gate)
        {
            IssuedCertificate issued = Signer().Issue(identity, signingRequest, lifetime, now);
            return [.. issued.Chain.Select(der => PemEncoding.WriteString("CERTIFICATE", der.Span) + "\n"), _rootsPem];
        }
    }

    /// <summary>A certificate for a server with <paramref name="key"/>, and what is above it. Throws <see cref="IssuanceException"/>.</summary>
    public (byte[] Leaf, ImmutableArray<ReadOnlyMemory<byte>> Intermediates) IssueServer(
        IEnumerable<string> names, ECDsa key, TimeSpan lifetime, DateTimeOffset now)
    {
        lock (_gate)
        {
            SigningIdentity signer = Signer();
            return (signer.IssueServer(names, key, lifetime, now), signer.Intermediates);
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _signer?.Dispose();
            _signer = null;
        }
    }

    private SigningIdentity Signer() =>
        _signer ?? throw new IssuanceException(IssuanceFailure.Unavailable, "the authority has no key yet");
}
