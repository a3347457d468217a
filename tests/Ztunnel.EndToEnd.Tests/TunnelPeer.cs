using System.Buffers.Binary;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Ztunnel.Lab;

namespace Ztunnel.EndToEnd.Tests;

/// <summary>A peer of the test's own at port 15008 of a pod: HTTP/2 written by hand (RFC 9113, RFC 7541), sharing no code with ours.</summary>
internal sealed class TunnelPeer : IAsyncDisposable
{
    private const byte Data = 0;
    private const byte Headers = 1;
    private const byte Settings = 4;
    private const byte EndHeaders = 4;
    private const byte Acknowledge = 1;
    private readonly SslStream _tls;
    private int _lastStream = -1;

    private TunnelPeer(SslStream tls) => _tls = tls;

    /// <summary>Shakes hands from inside a pod. Throws <see cref="IOException"/> or an authentication error when refused.</summary>
    public static async Task<TunnelPeer> Connect(LabHost from, IPAddress to, X509Certificate2? certificate)
    {
        var tls = new SslStream(new NetworkStream(await PodSocket.Connect(from, to, 15008), ownsSocket: true));
        try
        {
            await tls.AuthenticateAsClientAsync(Certificates.Client(certificate)).WaitAsync(MeshLab.Patience);
            await tls.WriteAsync("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8.ToArray());
            var peer = new TunnelPeer(tls);
            await peer.Write(Settings, 0, 0, []);
            // In TLS 1.3 a client is through before the server has looked at its certificate: only an answer tells.
            await peer.ReadUntil(Settings, stream: 0);
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
        byte[] name = Encoding.ASCII.GetBytes(authority);
        // Literal fields without indexing; names by static index: 2 is :method, 1 is :authority.
        byte[] block = [0x02, 7, .. "CONNECT"u8, 0x01, (byte)name.Length, .. name];
        await Write(Headers, EndHeaders, _lastStream += 2, block);
        byte[] answer = await ReadUntil(Headers, _lastStream);
        return answer[0] switch
        {
            0x88 => 200, // static table entries
            0x8c => 400,
            _ => Status(answer),
        };
    }

    /// <summary>Sends on the newest tunnel.</summary>
    public Task Send(string text) => Write(Data, 0, _lastStream, Encoding.UTF8.GetBytes(text));

    /// <summary>The next bytes that arrive on the newest tunnel.</summary>
    public async Task<string> Receive() => Encoding.UTF8.GetString(await ReadUntil(Data, _lastStream));

    public ValueTask DisposeAsync() => _tls.DisposeAsync();

    /// <summary>A literal status with the name's static index 8 to 14, not Huffman-coded or Huffman-coded digits.</summary>
    private static int Status(byte[] block) =>
        (block[1] & 0x80) == 0
            ? int.Parse(block.AsSpan(2, block[1]), System.Globalization.CultureInfo.InvariantCulture)
            : throw new InvalidDataException($"a Huffman-coded status: {Convert.ToHexString(block)}");

    private async Task Write(byte type, byte flags, int stream, byte[] payload)
    {
        byte[] frame = [0, 0, 0, type, flags, 0, 0, 0, 0, .. payload];
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(1), (ushort)payload.Length);
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(5), stream);
        await _tls.WriteAsync(frame);
    }

    private async Task<byte[]> ReadUntil(byte wantedType, int stream)
    {
        using var deadline = new CancellationTokenSource(MeshLab.Patience);
        while (true)
        {
            byte[] head = new byte[9];
            await _tls.ReadExactlyAsync(head, deadline.Token);
            byte[] payload = new byte[(head[0] << 16) | BinaryPrimitives.ReadUInt16BigEndian(head.AsSpan(1))];
            await _tls.ReadExactlyAsync(payload, deadline.Token);
            if (head[3] == Settings && (head[4] & Acknowledge) == 0)
                await Write(Settings, Acknowledge, 0, []);
            if (head[3] == wantedType && BinaryPrimitives.ReadInt32BigEndian(head.AsSpan(5)) == stream)
                return payload;
        }
    }
}
