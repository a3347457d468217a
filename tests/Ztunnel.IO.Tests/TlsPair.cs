using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Ztunnel.Testing;

namespace Ztunnel.IO.Tests;

/// <summary>Two TLS connections, or what became of them, over a pair of channels.</summary>
internal static class TlsPair
{
    public static readonly TimeSpan Timeout = TimeSpan.FromSeconds(10);

    /// <summary>A pair over loopback TCP.</summary>
    public static async Task<(TlsConnection Client, TlsConnection Server)> Connect(
        EventLoop loop, TlsContext client, TlsContext server, TcpOptions? options = null)
    {
        (TcpConnection near, TcpConnection far) = await Loops.ConnectedPair(loop, options);
        return await Connect(near, far, client, server);
    }

    public static async Task<(TlsConnection Client, TlsConnection Server)> Connect(
        Channel near, Channel far, TlsContext client, TlsContext server)
    {
        Task<TlsConnection> accepting = TlsConnection.AcceptAsync(far, server, Timeout).AsTask();
        TlsConnection connected = await TlsConnection.ConnectAsync(near, client, null, Timeout);
        return (connected, await accepting);
    }

    /// <summary>A pair with certificates of one new authority.</summary>
    public static async Task<(TlsConnection Client, TlsConnection Server)> Connect(EventLoop loop, TcpOptions? options = null)
    {
        using TlsAuthority authority = new();
        using TlsContext client = authority.Context("client");
        using TlsContext server = authority.Context("server");
        return await Connect(loop, client, server, options);
    }

    /// <summary>The failure a handshake ends in.</summary>
    public static async Task<ChannelFailure> Refused(Task<TlsConnection> handshake) =>
        (await Assert.ThrowsAsync<ChannelException>(() => handshake)).Failure;

    /// <summary>The failure a client, whose own handshake succeeds before it is judged, reads afterwards.</summary>
    public static async Task<ChannelFailure> RefusedLate(TlsConnection client)
    {
        (_, ReadStatus end) = await Loops.ReadAll(client);
        Assert.Equal(ReadStatus.Failed, end);
        ChannelFailure failure = client.Failure!;
        client.Dispose();
        return failure;
    }

    /// <summary>Both sides end in order and are disposed.</summary>
    public static async Task Close(TlsConnection one, TlsConnection other)
    {
        one.ShutdownWrite();
        other.ShutdownWrite();
        Assert.Equal(ReadStatus.End, (await Loops.ReadAll(one)).End);
        Assert.Equal(ReadStatus.End, (await Loops.ReadAll(other)).End);
        one.Dispose();
        other.Dispose();
    }

    public static string CommonName(ReadOnlyMemory<byte> der)
    {
        using X509Certificate2 certificate = X509CertificateLoader.LoadCertificate(der.Span);
        return certificate.GetNameInfo(X509NameType.SimpleName, false);
    }

    public static byte[] RandomBytes(int length) => RandomNumberGenerator.GetBytes(length);
}
