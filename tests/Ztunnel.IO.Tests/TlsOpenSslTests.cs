using System.Diagnostics;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Ztunnel.Testing;

namespace Ztunnel.IO.Tests;

/// <summary>Against Debian's <c>openssl s_client</c> and <c>s_server</c>, whose record layer is not ours.</summary>
public sealed class TlsOpenSslTests : IDisposable
{
    private readonly TlsAuthority _authority = new();
    private readonly string _directory = Directory.CreateTempSubdirectory("ztunnel-tls-").FullName;

    public TlsOpenSslTests()
    {
        (X509Certificate2 certificate, ECDsa key) = _authority.Issue("openssl");
        File.WriteAllText(Path("cert.pem"), certificate.ExportCertificatePem());
        File.WriteAllText(Path("key.pem"), key.ExportPkcs8PrivateKeyPem());
        File.WriteAllText(Path("ca.pem"), _authority.RootPem);
    }

    public void Dispose()
    {
        _authority.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    [Theory]
    [InlineData("TLS_AES_128_GCM_SHA256")]
    [InlineData("TLS_AES_256_GCM_SHA384")]
    [InlineData("TLS_CHACHA20_POLY1305_SHA256")]
    public async Task S_client_is_served_and_updates_keys_both_ways(string suite)
    {
        using TlsContext context = _authority.Context("server");
        await Loops.OnLoop(async loop =>
        {
            using TcpListener listener = TcpListener.Listen(null, new IPEndPoint(IPAddress.Loopback, 0), new TcpListenOptions());
            TaskCompletionSource<TcpConnection> accepted = new();
            listener.Start(loop, [loop], accepted.SetResult);
            using Process client = OpenSsl(
                "s_client", "-connect", listener.LocalEndPoint.ToString(), "-ciphersuites", suite, "-alpn", "h2", "-quiet", "-nocommands");
            TlsConnection server = await TlsConnection.AcceptAsync(await accepted.Task, context, TlsPair.Timeout);

            Assert.Equal("openssl", TlsPair.CommonName(server.PeerCertificateDer));
            Assert.Equal(suite, server.CipherSuite);
            byte[] content = TlsPair.RandomBytes(5_000_000);
            await EchoAsync(server, client, content);
            server.ShutdownWrite();
            client.StandardInput.Close();
            Assert.Equal(ReadStatus.End, (await Loops.ReadAll(server)).End);
            server.Dispose();
        });
    }

    [Fact]
    public async Task S_client_updating_its_keys_and_asking_for_ours_goes_unnoticed()
    {
        using TlsContext context = _authority.Context("server");
        await Loops.OnLoop(async loop =>
        {
            using TcpListener listener = TcpListener.Listen(null, new IPEndPoint(IPAddress.Loopback, 0), new TcpListenOptions());
            TaskCompletionSource<TcpConnection> accepted = new();
            listener.Start(loop, [loop], accepted.SetResult);
            using Process client = OpenSsl("s_client", "-connect", listener.LocalEndPoint.ToString(), "-alpn", "h2", "-brief", "-msg");
            TlsConnection server = await TlsConnection.AcceptAsync(await accepted.Task, context, TlsPair.Timeout);
            byte[] buffer = new byte[100];
            // An input of just k or K is s_client's command to update its key, and to ask for the peer's too.
            bool asked = false;
            foreach (string line in new[] { "one", "k", "two", "K", "three", "K", "K", "k", "four" })
            {
                asked |= line == "K";
                await client.StandardInput.WriteLineAsync(line);
                await client.StandardInput.FlushAsync();
                if (line.Length == 1)
                {
                    // Said once it is done; until then the next line would be taken for part of the command.
                    await LineAsync(client.StandardError, "KEYUPDATE");
                    continue;
                }

                Assert.Equal(line + "\n", await ReadTextAsync(server, buffer));
                await server.WriteAsync(Encoding.ASCII.GetBytes($"answer to {line}\n"));
                if (asked)
                    await LineAsync(client.StandardOutput, "<<< TLS 1.3, Handshake [length 0005], KeyUpdate");
                await LineAsync(client.StandardOutput, $"answer to {line}");
                asked = false;
            }

            await client.StandardInput.WriteLineAsync("Q");
            Assert.Equal(ReadStatus.End, (await Loops.ReadAll(server)).End);
            server.Dispose();
        });
    }

    [Fact]
    public async Task S_server_is_spoken_to_and_its_tickets_ignored()
    {
        using TlsContext context = _authority.Context("client");
        int port = FreePort();
        using Process server = OpenSsl(
            "s_server", "-accept", $"127.0.0.1:{port}", "-Verify", "3", "-verify_return_error", "-alpn", "h2", "-num_tickets", "4", "-quiet",
            "-naccept", "1");
        await Loops.OnLoop(async loop =>
        {
            TlsConnection client = await ConnectAsync(loop, port, context);
            Assert.Equal("openssl", TlsPair.CommonName(client.PeerCertificateDer));
            await EchoAsync(client, server, TlsPair.RandomBytes(5_000_000));
            client.ShutdownWrite();
            client.Abort(new ChannelFailure(FailureKind.Closed, "done"));
        });
    }

    [Fact]
    public async Task S_server_that_does_not_trust_us_says_so()
    {
        using TlsAuthority stranger = new("stranger");
        using TlsContext context = stranger.Context("client", trusted: _authority);
        int port = FreePort();
        using Process server = OpenSsl(
            "s_server", "-accept", $"127.0.0.1:{port}", "-Verify", "3", "-verify_return_error", "-alpn", "h2", "-quiet", "-naccept", "1");
        await Loops.OnLoop(async loop =>
        {
            TlsConnection client = await ConnectAsync(loop, port, context);
            Assert.Equal("the peer sent TLS alert unknown_ca (48)", (await TlsPair.RefusedLate(client)).Detail);
        });
    }

    [Fact]
    public async Task S_server_that_does_not_speak_h2_is_refused()
    {
        using TlsContext context = _authority.Context("client");
        int port = FreePort();
        using Process server = OpenSsl("s_server", "-accept", $"127.0.0.1:{port}", "-alpn", "http/1.1", "-quiet", "-naccept", "1");
        await Loops.OnLoop(async loop =>
        {
            ChannelException refused = await Assert.ThrowsAsync<ChannelException>(() => ConnectAsync(loop, port, context));
            Assert.Equal("the peer sent TLS alert no_application_protocol (120)", refused.Failure.Detail);
        });
    }

    [Fact]
    public async Task A_client_that_asks_for_short_records_gets_them()
    {
        using TlsContext context = _authority.Context("server");
        await Loops.OnLoop(async loop =>
        {
            using TcpListener listener = TcpListener.Listen(null, new IPEndPoint(IPAddress.Loopback, 0), new TcpListenOptions());
            TaskCompletionSource<TcpConnection> accepted = new();
            listener.Start(loop, [loop], accepted.SetResult);
            using Process client = OpenSsl(
                "s_client", "-connect", listener.LocalEndPoint.ToString(), "-alpn", "h2", "-maxfraglen", "512", "-quiet", "-nocommands");
            TlsConnection server = await TlsConnection.AcceptAsync(await accepted.Task, context, TlsPair.Timeout);
            TcpConnection transport = (TcpConnection)server.Transport;
            long before = transport.BytesWritten;
            await EchoAsync(server, client, TlsPair.RandomBytes(51_200));
            Assert.Equal(51_200 + (100 * TlsRecord.Overhead), transport.BytesWritten - before);
            server.Dispose();
        });
    }

    /// <summary>Sends content through TLS to the program's output and through its input back.</summary>
    private static async Task EchoAsync(TlsConnection ours, Process theirs, byte[] content)
    {
        Task writing = ours.WriteAsync(content).AsTask();
        byte[] atProgram = new byte[content.Length];
        await theirs.StandardOutput.BaseStream.ReadExactlyAsync(atProgram);
        await writing;
        Assert.True(content.AsSpan().SequenceEqual(atProgram));
        Task feeding = FeedAsync();
        byte[] back = new byte[content.Length];
        for (int at = 0; at < back.Length;)
        {
            int count = await ours.ReadAsync(back.AsMemory(at));
            Assert.NotEqual(0, count);
            at += count;
        }

        await feeding;
        Assert.True(content.AsSpan().SequenceEqual(back));

        async Task FeedAsync()
        {
            await theirs.StandardInput.BaseStream.WriteAsync(content);
            await theirs.StandardInput.BaseStream.FlushAsync();
        }
    }

    private static async Task<string> ReadTextAsync(TlsConnection connection, byte[] buffer)
    {
        int length = 0;
        while (length == 0 || buffer[length - 1] != (byte)'\n')
            length += await connection.ReadAsync(buffer.AsMemory(length));
        return Encoding.ASCII.GetString(buffer, 0, length);
    }

    private static async Task LineAsync(StreamReader output, string wanted)
    {
        string? line;
        do
            line = await output.ReadLineAsync();
        while (line is not null && line != wanted);
        Assert.NotNull(line);
    }

    /// <summary>Connects as soon as the program listens.</summary>
    private static async Task<TlsConnection> ConnectAsync(EventLoop loop, int port, TlsContext context)
    {
        TcpConnection? transport = null;
        for (int attempt = 0; transport is null; attempt++)
        {
            try
            {
                transport = await TcpConnection.ConnectAsync(
                    loop, null, null, new IPEndPoint(IPAddress.Loopback, port), new TcpOptions(), Loops.ConnectTimeout);
            }
            catch (ChannelException exception) when (exception.Failure.Kind == FailureKind.Refused && attempt < 1000)
            {
                await loop.DelayAsync(TimeSpan.FromMilliseconds(10));
            }
        }

        return await TlsConnection.ConnectAsync(transport, context, null, TlsPair.Timeout);
    }

    /// <summary>s_server cannot report a port it was given to choose.</summary>
    private static int FreePort()
    {
        using TcpListener listener = TcpListener.Listen(null, new IPEndPoint(IPAddress.Loopback, 0), new TcpListenOptions());
        return listener.LocalEndPoint.Port;
    }

    private string Path(string name) => System.IO.Path.Combine(_directory, name);

    private Process OpenSsl(params string[] arguments)
    {
        ProcessStartInfo start = new("openssl")
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (string argument in (string[])[.. arguments, "-cert", Path("cert.pem"), "-key", Path("key.pem"), "-CAfile", Path("ca.pem")])
            start.ArgumentList.Add(argument);
        return Process.Start(start)!;
    }
}
