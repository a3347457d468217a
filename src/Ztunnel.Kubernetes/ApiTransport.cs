using System.Net;
using System.Net.Security;

namespace Ztunnel.Kubernetes;

/// <summary>The connections to the server, made under one client certificate.</summary>
internal sealed class ApiTransport : IDisposable
{
    private readonly HttpMessageInvoker _invoker;

    public ApiTransport(ApiAccess access, ClientCertificate? certificate)
    {
        Certificate = certificate;
        var handler = new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false,
            AutomaticDecompression = DecompressionMethods.GZip,
            EnableMultipleHttp2Connections = true,
            ConnectTimeout = TimeSpan.FromSeconds(10),
            // A server that has gone without a word is noticed although a watch may rightly be silent for long.
            KeepAlivePingDelay = TimeSpan.FromSeconds(30),
            KeepAlivePingTimeout = TimeSpan.FromSeconds(15),
            KeepAlivePingPolicy = HttpKeepAlivePingPolicy.WithActiveRequests,
            // Certificates of either side are renewed, and servers come and go behind one address.
            PooledConnectionLifetime = TimeSpan.FromMinutes(10),
            Proxy = access.Proxy,
            UseProxy = access.Proxy is not null || access.UsesSystemProxy,
            SslOptions = new SslClientAuthenticationOptions
            {
                RemoteCertificateValidationCallback = (_, server, chain, errors) =>
                    access.SkipVerification || access.Roots.Accepts(server, chain, errors),
            },
        };
        if (certificate is not null)
            handler.SslOptions.ClientCertificateContext = SslStreamCertificateContext.Create(certificate.Chain[0], certificate.Chain, offline: true);
        _invoker = new HttpMessageInvoker(handler);
    }

    public ClientCertificate? Certificate { get; }

    /// <summary>Sends; gives the answer as soon as its head is there.</summary>
    public Task<HttpResponseMessage> Send(HttpRequestMessage request, CancellationToken cancellationToken) => _invoker.SendAsync(request, cancellationToken);

    public void Dispose() => _invoker.Dispose();
}
