using System.Collections.Concurrent;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Logging;
using Ztunnel.IO;
using Ztunnel.Mesh;

namespace Ztunnel.Gateway;

/// <summary>
/// The TLS that backends themselves speak (DestinationRule <c>tls</c>), inside a tunnel or over a plain connection. What cannot be
/// checked, or has nothing to show where it has to, is not connected. A changed Secret or file counts for the next connection.
/// </summary>
internal sealed partial class TlsOriginator(MeshState mesh, GatewayPod pod, ILogger logger)
{
    private static readonly TimeSpan LongestHandshake = TimeSpan.FromMinutes(5);
    private static readonly List<SslApplicationProtocol> Http1 = [SslApplicationProtocol.Http11];
    private static readonly List<SslApplicationProtocol> Http2 = [SslApplicationProtocol.Http2];

    private readonly ConcurrentDictionary<TlsOrigination, TlsMaterial> _materials = new();
    private readonly Lazy<Task> _systemRoots = new(() => Task.Run(LoadSystemRoots));

    /// <summary>
    /// Whether connections along a route need it. A waypoint on the way speaks to the backend itself, and what is in the mesh is
    /// spoken to under the mesh's own TLS already.
    /// </summary>
    public static bool IsFor(TlsOrigination? tls, Route route) => tls?.Mode switch
    {
        TlsOriginationMode.Simple or TlsOriginationMode.Mutual => route is not Route.Tunnel { Waypoint: not null },
        TlsOriginationMode.IstioMutual => route is Route.Passthrough,
        _ => false,
    };

    /// <summary>Speaks TLS over a connection, which it owns. Throws <see cref="ChannelException"/>, also noted with the service.</summary>
    /// <param name="transport">The connection.</param>
    /// <param name="traffic">The service it is to.</param>
    /// <param name="route">The way it went.</param>
    /// <param name="http2">Which HTTP is to be spoken.</param>
    /// <param name="timeout">How long the handshake may take.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public async Task<Stream> Secure(
        Stream transport, ServiceTraffic traffic, Route route, bool http2, TimeSpan timeout, CancellationToken cancellationToken)
    {
        TlsOrigination tls = traffic.Policy.Tls!;
        using var end = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        end.CancelAfter(timeout < LongestHandshake ? timeout : LongestHandshake);
        var stream = new SslStream(transport);
        var check = new TlsServerCheck(tls);
        try
        {
            SslClientAuthenticationOptions options = Options(tls, traffic, route, http2, check);
            if (options.CertificateChainPolicy!.TrustMode == X509ChainTrustMode.System)
                await _systemRoots.Value;
            await stream.AuthenticateAsClientAsync(options, end.Token);
            traffic.TlsFailure = null;
            return stream;
        }
        catch (Exception e) when (e is AuthenticationException or IOException or UnauthorizedAccessException or CryptographicException or OperationCanceledException)
        {
            await stream.DisposeAsync();
            cancellationToken.ThrowIfCancellationRequested();
            string reason = check.Refusal ?? (e is OperationCanceledException ? "the handshake took too long" : e.Message);
            // Once for each reason, not for each connection.
            if (!string.Equals(traffic.TlsFailure, reason, StringComparison.Ordinal))
                LogFailed(traffic.Service, traffic.Port, reason);
            traffic.TlsFailure = reason;
            throw new ChannelException(new ChannelFailure(FailureKind.PeerRefused, reason));
        }
    }

    /// <summary>Has the runtime read the system's roots once, which takes longer than an event loop may wait.</summary>
    private static void LoadSystemRoots()
    {
        using var store = new X509Store(StoreName.Root, StoreLocation.LocalMachine, OpenFlags.ReadOnly);
        foreach (X509Certificate2 root in store.Certificates)
            root.Dispose();
    }

    private SslClientAuthenticationOptions Options(TlsOrigination tls, ServiceTraffic traffic, Route route, bool http2, TlsServerCheck check)
    {
        if (tls.Mode == TlsOriginationMode.IstioMutual)
            throw new AuthenticationException($"ISTIO_MUTUAL: {(route as Route.Passthrough)?.Destination} is not in the mesh");
        TlsMaterial material = MaterialFor(tls);
        var policy = new X509ChainPolicy { RevocationMode = X509RevocationMode.NoCheck, DisableCertificateDownloads = true };
        policy.ApplicationPolicy.Add(new Oid("1.3.6.1.5.5.7.3.1"));
        if (material.Roots is { } roots)
        {
            policy.TrustMode = X509ChainTrustMode.CustomRootTrust;
            policy.CustomTrustStore.AddRange(roots);
        }

        return new SslClientAuthenticationOptions
        {
            TargetHost = tls.Sni ?? mesh.ServiceByName(traffic.Service)?.Hostname ?? traffic.Service.Name,
            ApplicationProtocols = http2 ? Http2 : Http1,
            EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
            ClientCertificateContext = material.Own,
            CertificateChainPolicy = policy,
            RemoteCertificateValidationCallback = check.Accept,
        };
    }

    private TlsMaterial MaterialFor(TlsOrigination tls)
    {
        TlsCredential? credential = null;
        if (tls.CredentialName is { } name)
        {
            string ns = pod.Workload.Namespace;
            credential = mesh.TlsCredentialOf(ns, name) ?? throw new AuthenticationException($"Secret {ns}/{name} does not exist");
            if (credential.Fault is { } fault)
                throw new AuthenticationException($"Secret {ns}/{name}: {fault}");
        }

        if (_materials.TryGetValue(tls, out TlsMaterial? known) && known.IsOf(tls, credential))
            return known;
        return _materials[tls] = TlsMaterial.Read(tls, credential);
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "TLS to {Service} port {Port} fails: {Reason}")]
    private partial void LogFailed(ServiceName service, ushort port, string reason);
}
