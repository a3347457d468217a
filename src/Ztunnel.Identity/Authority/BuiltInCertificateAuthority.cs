using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Ztunnel.Mesh;

namespace Ztunnel.Identity;

/// <summary>
/// The certificate authority inside this process. Its key is a fresh ECDSA P-256 one that never leaves memory, or comes
/// from a directory in the layout of Istio's <c>cacerts</c> secret, whose changes are followed. Nothing is ever written to disk.
/// </summary>
public sealed partial class BuiltInCertificateAuthority : ICertificateAuthority
{
    private readonly Lock _gate = new();
    private readonly CertificateAuthorityOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private FileWatch? _watch;
    private SigningIdentity _signer;
    private volatile string? _fault;

    private BuiltInCertificateAuthority(
        SigningIdentity signer, TrustBundle trust, CertificateAuthorityOptions options, TimeProvider time, ILogger? logger)
    {
        _signer = signer;
        Trust = trust;
        _options = options;
        _time = time;
        _logger = logger ?? NullLogger.Instance;
    }

    /// <inheritdoc/>
    public TrustBundle Trust { get; }

    /// <inheritdoc/>
    public AuthorityStatus Status
    {
        get
        {
            lock (_gate)
                return new AuthorityStatus(_signer.NotAfter, _fault);
        }
    }

    /// <summary>
    /// Why the signing files as they now are were not taken; null while they are what signs, or there are none.
    /// </summary>
    public string? Fault => _fault;

    /// <summary>
    /// Makes an authority with a new root for <paramref name="trustDomain"/> that ends with the process. Throws
    /// <see cref="ArgumentException"/> where that cannot be a trust domain.
    /// </summary>
    public static BuiltInCertificateAuthority CreateInMemory(
        string trustDomain, CertificateAuthorityOptions? options = null, TimeProvider? time = null, ILogger? logger = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(trustDomain);
        if (!SpiffeId.TryCreate(trustDomain, "any", "any", out _, out string? reason))
            throw new ArgumentException($"'{trustDomain}' is not a trust domain: {reason}", nameof(trustDomain));
        options ??= new CertificateAuthorityOptions();
        time ??= TimeProvider.System;
        (X509Certificate2 root, ECDsa key) = SigningIdentity.MakeRoot(trustDomain, time.GetUtcNow(), options.RootLifetime);
        using X509Certificate2 owned = root;
        var parsed = ParsedCertificate.Read(root.RawData);
        return new BuiltInCertificateAuthority(
            new SigningIdentity(root, key, [parsed]), new TrustBundle(new TrustRoots([parsed])), options, time, logger);
    }

    /// <summary>
    /// Loads an authority from <c>ca-cert.pem</c>, <c>ca-key.pem</c>, <c>cert-chain.pem</c> and <c>root-cert.pem</c> in
    /// <paramref name="directory"/> and follows their changes; files that become unusable leave the last good ones at work
    /// and show in <see cref="Fault"/>. Throws <see cref="CertificateFileException"/> naming file and problem.
    /// </summary>
    public static BuiltInCertificateAuthority Load(
        string directory, CertificateAuthorityOptions? options = null, TimeProvider? time = null, ILogger? logger = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(directory);
        options ??= new CertificateAuthorityOptions();
        time ??= TimeProvider.System;
        var files = SigningFiles.InDirectory(directory);
        BuiltInCertificateAuthority? authority = null;
        // The key is not watched, to leave it unread: a new key always comes with a new certificate. Where it comes later than
        // that, the certificate is tried again until it does.
        var watch = new FileWatch(
            [files.Certificate, files.Chain, files.Root], options.WatchInterval, time, () => authority!.Reload(files));
        try
        {
            SigningIdentity signer = files.Load(time.GetUtcNow());
            var trust = TrustBundle.Watch(files.Root, time, logger, options.WatchInterval);
            authority = new BuiltInCertificateAuthority(signer, trust, options, time, logger) { _watch = watch };
        }
        catch
        {
            watch.Dispose();
            throw;
        }

        watch.Start();
        return authority;
    }

    /// <inheritdoc/>
    public Task<IssuedCertificate> Issue(
        SpiffeId identity, ReadOnlyMemory<byte> signingRequest, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(identity);
        return Task.Run(() => Sign(identity, signingRequest), cancellationToken);
    }

    /// <summary>Stops watching and forgets the key.</summary>
    public void Dispose()
    {
        _watch?.Dispose();
        Trust.Dispose();
        lock (_gate)
            _signer.Dispose();
    }

    private IssuedCertificate Sign(SpiffeId identity, ReadOnlyMemory<byte> signingRequest)
    {
        lock (_gate)
            return _signer.Issue(identity, signingRequest, _options.LeafLifetime, _time.GetUtcNow());
    }

    private bool Reload(SigningFiles files)
    {
        try
        {
            SigningIdentity signer = files.Load(_time.GetUtcNow());
            lock (_gate)
            {
                _signer.Dispose();
                _signer = signer;
            }

            _fault = null;
            LogReloaded(files.Certificate);
            return true;
        }
        catch (Exception e)
        {
            // Whatever it is, there is nobody above a timer to tell, and the last good files are still good.
            if (!string.Equals(_fault, e.Message, StringComparison.Ordinal))
                LogKept(e.Message);
            _fault = e.Message;
            return false;
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "certificate authority reloaded from {File}")]
    private partial void LogReloaded(string file);

    [LoggerMessage(
        Level = LogLevel.Error,
        Message = "certificate authority not reloaded, the last good files stay in use: {Fault}")]
    private partial void LogKept(string fault);
}
