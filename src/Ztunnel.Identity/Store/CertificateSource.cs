using System.Collections.Immutable;
using System.Security.Cryptography;
using Ztunnel.Mesh;

namespace Ztunnel.Identity;

/// <summary>
/// Gets certificates from an authority: makes the key, asks, and believes the answer only if it is what was asked for.
/// Bounds how many requests are under way and how long each may take.
/// </summary>
internal sealed class CertificateSource : IDisposable
{
    private readonly ICertificateAuthority _authority;
    private readonly TimeProvider _time;
    private readonly TimeSpan _timeout;
    private readonly SemaphoreSlim _all;
    private readonly SemaphoreSlim _background;

    public CertificateSource(ICertificateAuthority authority, CertificateStoreOptions options, TimeProvider time)
    {
        _authority = authority;
        _time = time;
        _timeout = options.RequestTimeout;
        _all = new SemaphoreSlim(options.MaxConcurrentRequests);
        _background = new SemaphoreSlim(Math.Max(1, options.MaxConcurrentRequests / 2));
    }

    /// <summary>
    /// Gets a certificate for a new key. <paramref name="first"/> is for an identity that never failed and has none: it
    /// does not stand behind renewals and retries.
    /// </summary>
    /// <exception cref="IssuanceException">There is none, and why.</exception>
    public async Task<KeyedCertificate> Fetch(SpiffeId identity, bool first, CancellationToken cancellationToken)
    {
        if (!first)
            await _background.WaitAsync(cancellationToken);
        try
        {
            await _all.WaitAsync(cancellationToken);
            try
            {
                return await Ask(identity, cancellationToken);
            }
            finally
            {
                _all.Release();
            }
        }
        finally
        {
            if (!first)
                _background.Release();
        }
    }

    /// <summary>Call when no fetch is under way any more.</summary>
    public void Dispose()
    {
        _all.Dispose();
        _background.Dispose();
    }

    private async Task<KeyedCertificate> Ask(SpiffeId identity, CancellationToken cancellationToken)
    {
        var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        try
        {
            IssuedCertificate issued = await Ask(identity, SigningRequest.Create(identity, key), cancellationToken);
            return new KeyedCertificate(Check(identity, key, issued), key);
        }
        catch
        {
            key.Dispose();
            throw;
        }
    }

    private async Task<IssuedCertificate> Ask(SpiffeId identity, byte[] request, CancellationToken cancellationToken)
    {
        using var attempt = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        try
        {
            // The wait has its own end: an authority that ignores the token must not keep the place.
            return await _authority.Issue(identity, request, attempt.Token).WaitAsync(_timeout, _time, cancellationToken);
        }
        catch (TimeoutException)
        {
            await attempt.CancelAsync();
            throw new IssuanceException(
                IssuanceFailure.TimedOut, $"the authority did not answer within {_timeout.TotalSeconds} s");
        }
        catch (Exception e) when (e is not IssuanceException && !cancellationToken.IsCancellationRequested)
        {
            throw new IssuanceException(IssuanceFailure.Unavailable, e.Message, e);
        }
    }

    private ImmutableArray<ParsedCertificate> Check(SpiffeId identity, ECDsa key, IssuedCertificate issued)
    {
        ImmutableArray<ParsedCertificate> chain;
        try
        {
            chain = [.. issued.Chain.Select(ParsedCertificate.Read)];
        }
        catch (CryptographicException e)
        {
            throw new IssuanceException(IssuanceFailure.BadAnswer, e.Message, e);
        }

        string? fault = chain switch
        {
            [] => "the chain is empty",
            [var leaf, ..] when !leaf.PublicKey.Span.SequenceEqual(key.ExportSubjectPublicKeyInfo()) =>
                "the certificate is for another key",
            [{ Uris: not [_] }, ..] => "the certificate does not have exactly one URI name",
            [{ Uris: [var uri] }, ..] when !string.Equals(uri, identity.ToString(), StringComparison.Ordinal) =>
                $"the certificate is not for {identity}",
            _ when chain.Any(certificate => _time.GetUtcNow() >= certificate.NotAfter) => "the chain has already expired",
            [.., var last] when !_authority.Trust.Current.AreIssuerOf(last) =>
                "the chain does not lead to a root of the trust bundle",
            _ => null,
        };
        return fault is null ? chain : throw new IssuanceException(IssuanceFailure.BadAnswer, fault);
    }
}
