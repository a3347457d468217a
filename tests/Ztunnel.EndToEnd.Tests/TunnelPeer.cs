using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Ztunnel.Lab;

namespace Ztunnel.EndToEnd.Tests;

/// <summary>A peer of the test's own at port 15008 of a pod.</summary>
internal sealed class TunnelPeer : IAsyncDisposable
{
    private int _lastStream = -1;

    private TunnelPeer(SslStream tls) => Frames = new HttpFrames(tls);

    /// <summary>The connection, for what is not said here.</summary>
    public HttpFrames Frames { get; }

    /// <summary>Shakes hands from inside a pod. Throws <see cref="IOException"/> or an authentication error when refused.</summary>
    public static async Task<TunnelPeer> Connect(LabHost from, IPAddress to, X509Certificate2? certificate)
    {
        var tls = new SslStream(new NetworkStream(await PodSocket.Connect(from, to, 15008), ownsSocket: true));
        try
        {
            await tls.AuthenticateAsClientAsync(Certificates.Client(certificate)).WaitAsync(MeshLab.Patience);
            var peer = new TunnelPeer(tls);
            await peer.Frames.Begin();
            // In TLS 1.3 a client is through before the server has looked at its certificate: only an answer tells.
            await peer.Frames.ReadUntil(HttpFrames.Settings, id: 0);
            return peer;
        }
        catch
        {
            await tls.DisposeAsync();
            throw;
        }
    }

    /// <summary>Asks for a tunnel and returns the status of the answer.</summary>
    public async Task<int> Open(string authority)
    {
        await Frames.Write(HttpFrames.Headers, HttpFrames.EndHeaders, _lastStream += 2, HttpFrames.Block((":method", "CONNECT"), (":authority", authority)));
        return HttpFrames.Status(await Frames.ReadUntil(HttpFrames.Headers, _lastStream));
    }

    /// <summary>Sends on the newest tunnel.</summary>
    public Task Send(string text) => Frames.Write(HttpFrames.Data, 0, _lastStream, Encoding.UTF8.GetBytes(text));

    /// <summary>The next bytes that arrive on the newest tunnel.</summary>
    public async Task<string> Receive() => Encoding.UTF8.GetString(await Frames.ReadUntil(HttpFrames.Data, _lastStream));

    public ValueTask DisposeAsync() => Frames.DisposeAsync();
}
