using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using Ztunnel.Lab;

namespace Ztunnel.EndToEnd.Tests;

/// <summary>One request over a connection of its own, and what came back; as the conformance suite's clients make them.</summary>
/// <param name="Status">The status.</param>
/// <param name="Body">The body: at a <see cref="Backend"/>, what it was asked.</param>
/// <param name="Headers">The answer's headers, by lower-case name, several values joined by commas; trailers too.</param>
internal sealed record Exchange(int Status, string Body, IReadOnlyDictionary<string, string> Headers)
{
    /// <summary>The pod that answered; null when none did.</summary>
    public string? Pod => Body.StartsWith("pod=", StringComparison.Ordinal) ? Body[4..Body.IndexOf('\n', StringComparison.Ordinal)] : null;

    /// <summary>The request's target, as the pod got it.</summary>
    public string? Target => Pod is null ? null : Body.Split('\n')[1].Split(' ')[1];

    /// <summary>A header of the request, as the pod got it; null for none.</summary>
    public string? Seen(string name) => Body.Split('\n').FirstOrDefault(line => line.StartsWith($"{name.ToLowerInvariant()}: ", StringComparison.Ordinal)) is { } line
        ? line[(name.Length + 2)..]
        : null;

    /// <summary>Sends a request from a pod to an address.</summary>
    /// <param name="from">Where the client is.</param>
    /// <param name="to">Where it connects.</param>
    /// <param name="request">The request; its URL says what is asked for, not where.</param>
    /// <param name="serverName">The TLS server name where it is another than the host that is asked for; the URL's scheme is then http.</param>
    public static async Task<Exchange> Send(LabPod from, IPEndPoint to, HttpRequestMessage request, string? serverName = null)
    {
        using var handler = new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseProxy = false,
            UseCookies = false,
            ConnectCallback = async (_, stop) =>
            {
                var stream = new NetworkStream(await PodSocket.Connect(from, to.Address, to.Port), ownsSocket: true);
                return serverName is null ? stream : await Encrypt(stream, serverName, stop);
            },
        };
        handler.SslOptions.RemoteCertificateValidationCallback = (_, certificate, _, _) => certificate is not null;
        using var client = new HttpMessageInvoker(handler);
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        patience.CancelAfter(MeshLab.Patience);
        request.VersionPolicy = HttpVersionPolicy.RequestVersionExact;
        using HttpResponseMessage response = await client.SendAsync(request, patience.Token);
        string body = await response.Content.ReadAsStringAsync(patience.Token);
        var headers = response.Headers.NonValidated
            .Concat(response.Content.Headers.NonValidated)
            .Concat(response.TrailingHeaders.NonValidated)
            .ToLookup(header => header.Key.ToLowerInvariant(), header => string.Join(',', header.Value), StringComparer.Ordinal)
            .ToDictionary(header => header.Key, header => string.Join(',', header), StringComparer.Ordinal);
        return new Exchange((int)response.StatusCode, body, headers);
    }

    /// <summary>The client would name the host that it asks for.</summary>
    private static async Task<Stream> Encrypt(Stream stream, string serverName, CancellationToken stop)
    {
        var tls = new SslStream(stream);
        await tls.AuthenticateAsClientAsync(
            new SslClientAuthenticationOptions
            {
                TargetHost = serverName,
                ApplicationProtocols = [SslApplicationProtocol.Http2],
                RemoteCertificateValidationCallback = (_, certificate, _, _) => certificate is not null,
            },
            stop);
        return tls;
    }
}
