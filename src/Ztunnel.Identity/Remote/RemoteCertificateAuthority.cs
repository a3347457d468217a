using System.Collections.Immutable;
using System.Security.Authentication;
using System.Security.Cryptography;
using Google.Protobuf.WellKnownTypes;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Ztunnel.Mesh;

namespace Ztunnel.Identity;

/// <summary>
/// The certificate authority of a cluster, asked over the network by Istio's <c>IstioCertificateService</c>: the controller of this
/// mesh, istiod, or another that speaks it. It is verified by the roots of the mesh before it is given the token.
/// </summary>
/// <remarks>
/// What peers are verified by is the file of the roots alone: an answer's roots can add nothing to it and take nothing away, so whoever
/// withdraws a root there has withdrawn it. Only where there is no such file do an answer's roots count, and then each answer's in
/// place of those before.
/// </remarks>
public sealed partial class RemoteCertificateAuthority : ICertificateAuthority
{
    private const string Method = "/istio.v1.auth.IstioCertificateService/CreateCertificate";
    private const int LongestToken = 64 * 1024;

    private readonly RemoteAuthorityOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly ServerTrust _server;
    private readonly UnaryClient _client;
    private readonly Lock _rootsGate = new();
    private volatile string? _fault;

    private RemoteCertificateAuthority(
        RemoteAuthorityOptions options, TrustBundle trust, TrustBundle? serverRoots, TimeProvider time, ILogger logger)
    {
        _options = options;
        _time = time;
        _logger = logger;
        Trust = trust;
        string name = options.ServerName ?? options.Address.IdnHost;
        _server = new ServerTrust(name, serverRoots, time);
        _client = new UnaryClient(
            options.Address, name, (_, certificate, chain, errors) => _server.Verify(certificate, chain, errors), time);
    }

    /// <inheritdoc/>
    public TrustBundle Trust { get; }

    /// <summary>When what it signs with ends is not told; the fault is that of the roots' file, or why the last call failed.</summary>
    public AuthorityStatus Status => new(SignsUntil: null, Trust.Fault ?? _fault);

    /// <summary>
    /// Makes the client; the authority is not asked before the first certificate is wanted. Throws
    /// <see cref="CertificateFileException"/> when the roots' file has no good version, and <see cref="ArgumentException"/> for an
    /// address that is not https.
    /// </summary>
    public static RemoteCertificateAuthority Open(RemoteAuthorityOptions options, TimeProvider? time = null, ILogger? logger = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (options.Address.Scheme != Uri.UriSchemeHttps)
            throw new ArgumentException($"the authority's address {options.Address} is not https, and a token is not sent in the clear", nameof(options));
        time ??= TimeProvider.System;
        logger ??= NullLogger.Instance;
        if (options.RootFile is not { } file)
            return OpenWithoutRoots(options, serverRoots: null, time, logger);
        var trust = TrustBundle.Watch(file, time, logger, options.WatchInterval);
        return new RemoteCertificateAuthority(options, trust, trust, time, logger);
    }

    /// <summary>One that takes the mesh's roots from answers; null verifies the server by the roots of the system.</summary>
    internal static RemoteCertificateAuthority OpenWithoutRoots(
        RemoteAuthorityOptions options, TrustBundle? serverRoots, TimeProvider time, ILogger logger) =>
        new(options with { RootFile = null }, new TrustBundle(new TrustRoots([])), serverRoots, time, logger);

    /// <inheritdoc/>
    public async Task<IssuedCertificate> Issue(
        SpiffeId identity, ReadOnlyMemory<byte> signingRequest, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(identity);
        try
        {
            byte[] bytes = await Call(identity, signingRequest, cancellationToken);
            var answer = CertificateAnswer.Read(bytes);
            IssuedCertificate issued = answer.Accept(identity, signingRequest, RootsFor(answer), _time.GetUtcNow());
            if (_options.RootFile is null)
                Follow(answer.Roots);
            _fault = null;
            return issued;
        }
        catch (IssuanceException e)
        {
            _fault = e.Message;
            throw;
        }
    }

    /// <summary>Closes the connection and stops watching.</summary>
    public void Dispose()
    {
        _client.Dispose();
        Trust.Dispose();
    }

    private async Task<byte[]> Call(SpiffeId identity, ReadOnlyMemory<byte> signingRequest, CancellationToken cancellationToken)
    {
        string token = await ReadToken(cancellationToken);
        try
        {
            return await _client.Call(
                Method,
                Message(identity, signingRequest),
                [new("authorization", $"Bearer {token}"), new("clusterid", _options.ClusterId)],
                _options.Timeout,
                cancellationToken);
        }
        catch (GrpcException e)
        {
            // A server that repeats what it was sent must not bring the token into our logs.
            throw new IssuanceException(Reason(e.Status), $"{_options.Address.Authority}: {e.Status}: {e.Detail.Replace(token, "(token)", StringComparison.Ordinal)}");
        }
        catch (HttpRequestException e) when (e.InnerException is AuthenticationException && _server.Refusal is { } refusal)
        {
            throw new IssuanceException(IssuanceFailure.UntrustedAuthority, $"{_options.Address.Authority}: {refusal}");
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            throw new IssuanceException(IssuanceFailure.Unavailable, $"{_options.Address.Authority}: {e.Message}", e);
        }
    }

    private IstioCertificateRequest Message(SpiffeId identity, ReadOnlyMemory<byte> signingRequest)
    {
        var message = new IstioCertificateRequest
        {
            Csr = PemEncoding.WriteString("CERTIFICATE REQUEST", signingRequest.Span) + "\n",
            ValidityDuration = (long)_options.Lifetime.TotalSeconds,
        };
        if (_options.Impersonate)
        {
            message.Metadata = new Struct();
            message.Metadata.Fields["ImpersonatedIdentity"] = Value.ForString(identity.ToString());
        }

        return message;
    }

    /// <summary>The token as it is now: the kubelet replaces it before it expires.</summary>
    private async Task<string> ReadToken(CancellationToken cancellationToken)
    {
        string text;
        try
        {
            text = (await File.ReadAllTextAsync(_options.TokenFile, cancellationToken)).Trim();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new IssuanceException(IssuanceFailure.TokenUnreadable, e.Message);
        }

        // What cannot stand in a header would be an error of the framework that quotes it.
        return text.Length is > 0 and <= LongestToken && text.All(c => c is > ' ' and < '\x7f')
            ? text
            : throw new IssuanceException(IssuanceFailure.TokenUnreadable, $"{_options.TokenFile} does not hold a token");
    }

    private TrustRoots RootsFor(CertificateAnswer answer) => _options.RootFile is null ? new TrustRoots(answer.Roots) : Trust.Current;

    private void Follow(ImmutableArray<ParsedCertificate> roots)
    {
        lock (_rootsGate)
        {
            TrustRoots now = Trust.Current;
            if (now.Certificates.Length == roots.Length && roots.All(root => now.Contains(root.Der.Span)))
                return;
            Trust.Replace(new TrustRoots(roots));
            LogFollowed(roots.Length);
        }
    }

    private static IssuanceFailure Reason(GrpcStatus status) => status switch
    {
        GrpcStatus.Unauthenticated => IssuanceFailure.Unauthenticated,
        GrpcStatus.PermissionDenied => IssuanceFailure.PermissionDenied,
        GrpcStatus.InvalidArgument => IssuanceFailure.MalformedRequest,
        GrpcStatus.DeadlineExceeded => IssuanceFailure.TimedOut,
        _ => IssuanceFailure.Unavailable,
    };

    [LoggerMessage(Level = LogLevel.Information, Message = "the mesh has {Count} roots, by the authority's answer")]
    private partial void LogFollowed(int count);
}
