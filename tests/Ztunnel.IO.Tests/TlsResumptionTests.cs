using System.Diagnostics;
using System.Net;
using Ztunnel.Testing;

namespace Ztunnel.IO.Tests;

/// <summary>Sessions that clients resume, seen by <c>openssl s_client</c>.</summary>
public sealed class TlsResumptionTests : IDisposable
{
    private const string Nothing = "nothing to resume with";

    private readonly TlsAuthority _authority = new();
    private readonly string _directory = Directory.CreateTempSubdirectory("ztunnel-resumption-").FullName;

    public void Dispose()
    {
        _authority.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    [Fact]
    public async Task A_session_is_resumed_with_TLS_1_3()
    {
        using TlsContext context = Context("a");

        Assert.Equal(("New, TLSv1.3", "Reused, TLSv1.3"), await Twice(context, "-tls1_3"));
    }

    [Fact]
    public async Task Nothing_is_resumed_where_that_is_not_asked_for()
    {
        using TlsContext context = Context("a", resumes: false);

        Assert.Equal(("New, TLSv1.3", Nothing), await Twice(context, "-tls1_3"));
    }

    [Fact]
    public async Task Nothing_is_resumed_with_TLS_1_2_where_a_ticket_would_open_it_all()
    {
        using TlsContext context = Context("a");

        Assert.Equal(("New, TLSv1.2", Nothing), await Twice(context, "-tls1_2"));
    }

    [Fact]
    public async Task A_new_certificate_is_shown_to_who_resumes()
    {
        using TlsContext context = Context("a");

        Assert.Equal(("New, TLSv1.3", "New, TLSv1.3"), await Twice(context, "-tls1_3", between: () => _authority.Update(context, "b")));
    }

    [Fact]
    public async Task A_session_with_one_server_is_not_resumed_with_another_of_the_same_port()
    {
        using TlsContext other = Context("b");
        using TlsContext context = Context("a", byServerName: name => name == "b.test" ? other : null);

        Assert.Equal(("New, TLSv1.3", "New, TLSv1.3"), await Twice(context, ["-tls1_3", "-servername", "a.test"], ["-tls1_3", "-servername", "b.test"]));
        Assert.Equal(("New, TLSv1.3", "Reused, TLSv1.3"), await Twice(context, ["-tls1_3", "-servername", "b.test"], ["-tls1_3", "-servername", "b.test"]));
    }

    [Fact]
    public async Task A_new_certificate_of_one_server_ends_its_sessions_only()
    {
        using TlsContext other = Context("b");
        using TlsContext context = Context("a", byServerName: name => name == "b.test" ? other : null);

        Assert.Equal(
            ("New, TLSv1.3", "New, TLSv1.3"),
            await Twice(context, ["-tls1_3", "-servername", "b.test"], ["-tls1_3", "-servername", "b.test"], () => _authority.Update(other, "c")));
        Assert.Equal(
            ("New, TLSv1.3", "Reused, TLSv1.3"),
            await Twice(context, ["-tls1_3", "-servername", "a.test"], ["-tls1_3", "-servername", "a.test"], () => _authority.Update(other, "d")));
    }

    [Fact]
    public void Clients_that_show_certificates_are_judged_each_time() =>
        Assert.Throws<ArgumentException>(() => new TlsContext(new TlsContextOptions { Verifier = new TlsRule(), Resumes = true }));

    private TlsContext Context(string name, bool resumes = true, Func<string?, TlsContext?>? byServerName = null)
    {
        TlsContext? own = null;
        own = new TlsContext(new TlsContextOptions
        {
            Verifier = new TlsRule(),
            Alpn = ["h2", "http/1.1"],
            AlpnOptional = true,
            AsksClientCertificate = false,
            AllowTls12 = true,
            Resumes = resumes,
            ByServerName = byServerName is null ? null : asked => byServerName(asked) ?? own,
        });
        _authority.Update(own, name);
        return own;
    }

    private Task<(string First, string Second)> Twice(TlsContext context, string version, Action? between = null) =>
        Twice(context, [version], [version], between);

    /// <summary>How the first connection of a client began and how a second that offers to resume it did, in s_client's words.</summary>
    private async Task<(string First, string Second)> Twice(TlsContext context, string[] first, string[] second, Action? between = null)
    {
        string session = Path.Combine(_directory, Guid.NewGuid().ToString());
        (string, string) began = default;
        await Loops.OnLoop(async loop =>
        {
            using TcpListener listener = TcpListener.Listen(null, new IPEndPoint(IPAddress.Loopback, 0), new TcpListenOptions());
            var accepted = new Queue<TaskCompletionSource<TcpConnection>>([new(), new()]);
            var expected = new Queue<TaskCompletionSource<TcpConnection>>(accepted);
            listener.Start(loop, [loop], connection => accepted.Dequeue().SetResult(connection));
            string one = await Connect(listener, expected.Dequeue().Task, context, [.. first, "-sess_out", session]);
            between?.Invoke();
            // The program writes nothing down where it got nothing to resume with.
            began = (one, !File.Exists(session) ? Nothing : await Connect(listener, expected.Dequeue().Task, context, [.. second, "-sess_in", session]));
        });
        return began;
    }

    private static async Task<string> Connect(TcpListener listener, Task<TcpConnection> accepted, TlsContext context, string[] arguments)
    {
        var start = new ProcessStartInfo("openssl", ["s_client", "-connect", listener.LocalEndPoint.ToString(), .. arguments])
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using Process client = Process.Start(start)!;
        Task<string> said = client.StandardOutput.ReadToEndAsync();
        Task<string> complained = client.StandardError.ReadToEndAsync();
        TlsConnection server = await TlsConnection.AcceptAsync(await accepted, context, TlsPair.Timeout);
        server.ShutdownWrite();
        Assert.Equal(ReadStatus.End, (await Loops.ReadAll(server)).End);
        server.Dispose();
        await complained;
        string line = (await said).Split('\n').First(line => line.Contains(", Cipher is ", StringComparison.Ordinal));
        return line[..line.IndexOf(", Cipher is ", StringComparison.Ordinal)];
    }
}
