using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using Ztunnel.Testing;

namespace Ztunnel.Identity.Tests;

/// <summary>An authority of another make in a process of its own (authority.js), and a client of ours that asks it.</summary>
internal sealed class ForeignAuthority : IAsyncDisposable
{
    public const string Name = "ztunnel-controller.istio-system.svc";
    public const string Token = "eyJhbGciOiJub25lIn0.c2VjcmV0.dG9rZW4";

    private readonly TemporaryFolder _folder = new();
    private readonly ConcurrentQueue<JsonNode> _calls = new();
    private readonly Process _process;
    private readonly Task _reading;

    private ForeignAuthority(Action<TemporaryFolder> prepare)
    {
        Root = Forge.Root(Now, "root");
        _folder.Write("ca.pem", Root.Pem);
        _folder.Write("ca.key", Root.KeyPem);
        _folder.Write("roots.pem", Root.Pem);
        _folder.Write("trusted.pem", Root.Pem);
        _folder.Write("token", Token + "\n");
        ServeAs(Root, Name);
        Answer("sign");
        prepare(_folder);
        _process = Process.Start(new ProcessStartInfo("node", [Path.Combine(AppContext.BaseDirectory, "Remote", "authority.js"), _folder.Path])
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
        })!;
        _reading = Task.CompletedTask;
        Port = int.Parse(_process.StandardOutput.ReadLine()!, CultureInfo.InvariantCulture);
        _reading = Task.Run(Read);
    }

    public Forge Root { get; }

    public int Port { get; }

    public TextLog Log { get; } = new();

    public TemporaryFolder Folder => _folder;

    /// <summary>What it was asked, in order.</summary>
    public IReadOnlyCollection<JsonNode> Calls => _calls;

    private static DateTimeOffset Now => TimeProvider.System.GetUtcNow();

    public static ForeignAuthority Start(Action<TemporaryFolder>? prepare = null) => new(prepare ?? (_ => { }));

    /// <summary>What it answers from now on; authority.js says what there is.</summary>
    public void Answer(string behaviour) => _folder.Write("behaviour", behaviour);

    /// <summary>The certificate it shows to connections from now on.</summary>
    public void ServeAs(Forge issuer, string name)
    {
        using Forge server = issuer.Leaf(Now, Forge.DnsName(name));
        _folder.Write("server.pem", server.Pem);
        _folder.Write("server.key", server.KeyPem);
    }

    public RemoteCertificateAuthority Client(Func<RemoteAuthorityOptions, RemoteAuthorityOptions>? with = null) =>
        RemoteCertificateAuthority.Open(with?.Invoke(Options()) ?? Options(), logger: Log);

    /// <summary>A client that does not know the mesh's roots; the one it verifies the server by stands in for one of the system's.</summary>
    public RemoteCertificateAuthority ClientWithoutRoots() => RemoteCertificateAuthority.OpenWithoutRoots(
        Options(), new TrustBundle(TrustRoots.FromDer([Root.Der])), TimeProvider.System, Log);

    private RemoteAuthorityOptions Options() => new()
    {
        Address = new Uri($"https://127.0.0.1:{Port}"),
        ServerName = Name,
        RootFile = _folder["trusted.pem"],
        TokenFile = _folder["token"],
        WatchInterval = TimeSpan.FromMilliseconds(10),
    };

    public async ValueTask DisposeAsync()
    {
        _process.Kill();
        await _reading;
        await _process.WaitForExitAsync();
        _process.Dispose();
        Root.Dispose();
        _folder.Dispose();
    }

    private async Task Read()
    {
        while (await _process.StandardOutput.ReadLineAsync() is { } line)
            _calls.Enqueue(JsonNode.Parse(line)!);
    }
}
