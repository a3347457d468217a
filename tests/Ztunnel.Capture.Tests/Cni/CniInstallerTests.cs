using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging.Abstractions;
using Ztunnel.Testing;

namespace Ztunnel.Capture.Tests;

public sealed class CniInstallerTests : IDisposable
{
    private const string Bridge = """
        { "cniVersion": "1.0.0", "name": "cluster", "x": 1.50,
          "plugins": [ { "type": "bridge", "ipam": { "type": "host-local" } }, { "type": "portmap", "capabilities": { "portMappings": true } } ] }
        """;

    private readonly DirectoryInfo _node = Directory.CreateTempSubdirectory("cni-installer-");

    private CniOptions Options => new()
    {
        RunDirectory = "/var/run/ztunnel",
        BinDirectory = Path.Combine(_node.FullName, "opt/cni/bin"),
        ConfDirectory = Path.Combine(_node.FullName, "etc/cni/net.d"),
        Program = Program,
        Rescan = TimeSpan.FromMilliseconds(200),
        LookInterval = TimeSpan.FromMilliseconds(1),
    };

    private string Program => Path.Combine(_node.FullName, "program");

    public CniInstallerTests() => File.WriteAllText(Program, "#!/bin/sh\n");

    public void Dispose() => _node.Delete(recursive: true);

    private string WritePrimary(string name, string text)
    {
        Directory.CreateDirectory(Options.ConfDirectory);
        string path = Path.Combine(Options.ConfDirectory, name);
        File.WriteAllText(path, text);
        return path;
    }

    /// <summary>The types of the chain that a runtime would run now: of the first file by name. Null when there is none.</summary>
    private string[]? Chain()
    {
        string? first = Directory.Exists(Options.ConfDirectory)
            ? Directory.GetFiles(Options.ConfDirectory).Where(file => Path.GetExtension(file) is ".conf" or ".conflist" or ".json").Min(StringComparer.Ordinal)
            : null;
        if (first is null)
            return null;
        JsonNode conf = JsonNode.Parse(File.ReadAllText(first))!;
        return conf["plugins"] is JsonArray chain ? [.. chain.Select(plugin => (string)plugin!["type"]!)] : [(string)conf["type"]!];
    }

    private static string Text(TextLog log) => string.Join('\n', log.Lines);

    private bool IsInstalled() => Chain() is [.., "ztunnel"];

    [Fact]
    public async Task A_node_with_a_network_gets_plugin_and_conflist_and_its_own_file_stays_as_it_is()
    {
        string primary = WritePrimary("10-bridge.conflist", Bridge);
        await using var installer = CniInstaller.Start(Options, NullLogger.Instance);
        await installer.Installed.WaitAsync(Eventually.Deadline, TestContext.Current.CancellationToken);

        Assert.Equal("bridge portmap ztunnel", string.Join(' ', Chain()!));
        Assert.Equal(Bridge, await File.ReadAllTextAsync(primary, TestContext.Current.CancellationToken));
        Assert.Equal("#!/bin/sh\n", await File.ReadAllTextAsync(Path.Combine(Options.BinDirectory, "ztunnel"), TestContext.Current.CancellationToken));
        Assert.True(File.GetUnixFileMode(Path.Combine(Options.BinDirectory, "ztunnel")).HasFlag(UnixFileMode.OtherExecute));
        string ours = Path.Combine(Options.ConfDirectory, CniOptions.ConflistName);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(ours));
        JsonNode conf = JsonNode.Parse(await File.ReadAllTextAsync(ours, TestContext.Current.CancellationToken))!;
        Assert.Equal("cluster", (string?)conf["name"]);
        Assert.Equal("1.50", conf["x"]!.ToJsonString());
        Assert.Equal(
            """{"type":"ztunnel","runDirectory":"/var/run/ztunnel","excludeNamespaces":["kube-system"],"systemNamespace":"istio-system"}""",
            conf["plugins"]!.AsArray()[^1]!.ToJsonString());
        Assert.Equal(2, Directory.GetFileSystemEntries(Options.ConfDirectory).Length);
    }

    [Theory]
    [InlineData("00-multus.conf", """{ "cniVersion": "0.3.1", "name": "multus", "type": "multus", "delegates": [] }""", "multus ztunnel")]
    [InlineData("05-cilium.conflist", """{ "cniVersion": "0.3.1", "name": "cilium", "plugins": [ { "type": "cilium-cni" } ] }""", "cilium-cni ztunnel")]
    [InlineData("10-x.conflist", """{ "cniVersion": "1.0.0", "name": "x", "plugins": [ { "type": "bridge" }, { "type": "ztunnel" } ] }""", "bridge ztunnel")]
    [InlineData("100-crio-bridge.json", """{ "cniVersion": "1.0.0", "name": "crio", "type": "bridge" }""", "bridge ztunnel")]
    public async Task Whatever_the_network_is_the_plugin_is_last_in_what_runtimes_take_first(string file, string text, string chain)
    {
        WritePrimary(file, text);
        await using var installer = CniInstaller.Start(Options, NullLogger.Instance);
        await Eventually.Holds(IsInstalled);
        Assert.Equal(chain, string.Join(' ', Chain()!));
    }

    [Fact]
    public async Task A_node_whose_network_comes_later_is_waited_for_and_one_whose_network_goes_is_left()
    {
        var log = new TextLog();
        await using var installer = CniInstaller.Start(Options with { PrimaryPatience = TimeSpan.FromMilliseconds(300) }, log);
        await Eventually.Holds(() => Text(log).Contains("there is no network configuration", StringComparison.Ordinal));
        string broken = WritePrimary("10-bridge.conflist", "{ \"name\": ");
        await Eventually.Holds(() => Text(log).Contains("cannot be used", StringComparison.Ordinal));
        Assert.False(File.Exists(Path.Combine(Options.ConfDirectory, CniOptions.ConflistName)));

        await File.WriteAllTextAsync(broken, Bridge, TestContext.Current.CancellationToken);
        await Eventually.Holds(IsInstalled);

        File.Delete(broken);
        await Eventually.Holds(() => Chain() is null);
    }

    [Fact]
    public async Task However_the_network_rewrites_its_file_no_pod_can_start_past_the_plugin()
    {
        string primary = WritePrimary("10-bridge.conflist", Bridge);
        await using var installer = CniInstaller.Start(Options, NullLogger.Instance);
        await Eventually.Holds(IsInstalled);
        using var done = new CancellationTokenSource();
        int looked = 0;
        Task pods = Task.Run(
            () =>
            {
                while (!done.IsCancellationRequested)
                {
                    Assert.Equal("ztunnel", Chain()![^1]);
                    looked++;
                }
            },
            TestContext.Current.CancellationToken);

        for (int time = 0; time < 100; time++)
        {
            string text = Bridge.Replace("1.50", $"{time}", StringComparison.Ordinal);
            if (time % 3 == 0)
            {
                // Removed and made again.
                File.Delete(primary);
                await File.WriteAllTextAsync(primary, text, TestContext.Current.CancellationToken);
            }
            else if (time % 3 == 1)
            {
                // In two halves.
                await File.WriteAllTextAsync(primary, text[..40], TestContext.Current.CancellationToken);
                await File.AppendAllTextAsync(primary, text[40..], TestContext.Current.CancellationToken);
            }
            else
            {
                await File.WriteAllTextAsync(primary + ".new", text, TestContext.Current.CancellationToken);
                File.Move(primary + ".new", primary, overwrite: true);
            }

            int before = Volatile.Read(ref looked);
            await Eventually.Holds(() => Volatile.Read(ref looked) > before || pods.IsCompleted);
        }

        await Eventually.Holds(() => JsonNode.Parse(File.ReadAllText(Path.Combine(Options.ConfDirectory, CniOptions.ConflistName)))!["x"]!.ToJsonString() == "99");
        await done.CancelAsync();
        await pods;
        Assert.Equal(0, installer.Restored);
    }

    [Fact]
    public async Task What_is_removed_is_put_back_and_told_and_goes_when_it_is_uninstalled()
    {
        WritePrimary("10-bridge.conflist", Bridge);
        var log = new TextLog();
        var installer = CniInstaller.Start(Options, log);
        await Eventually.Holds(IsInstalled);

        File.Delete(Path.Combine(Options.ConfDirectory, CniOptions.ConflistName));
        File.Delete(Path.Combine(Options.BinDirectory, "ztunnel"));
        await Eventually.Holds(() => IsInstalled() && File.Exists(Path.Combine(Options.BinDirectory, "ztunnel")) && Text(log).Contains("cni.exclusive", StringComparison.Ordinal));
        Assert.Equal(1, installer.Restored);

        await installer.DisposeAsync();
        Assert.True(IsInstalled());
        CniInstaller.Uninstall(Options);
        CniInstaller.Uninstall(Options);
        Assert.Equal("bridge portmap", string.Join(' ', Chain()!));
        Assert.Empty(Directory.GetFileSystemEntries(Options.BinDirectory));
    }

    [Fact]
    public async Task A_new_version_of_the_program_takes_the_place_of_the_old_one_whole()
    {
        WritePrimary("10-bridge.conflist", Bridge);
        await using (var first = CniInstaller.Start(Options, NullLogger.Instance))
            await Eventually.Holds(IsInstalled);
        await File.WriteAllTextAsync(Program, "#!/bin/sh\n# new\n", TestContext.Current.CancellationToken);
        await using var second = CniInstaller.Start(Options, NullLogger.Instance);
        await second.Installed.WaitAsync(Eventually.Deadline, TestContext.Current.CancellationToken);
        Assert.Contains("# new", await File.ReadAllTextAsync(Path.Combine(Options.BinDirectory, "ztunnel"), TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_program_that_needs_files_beside_it_is_linked_to()
    {
        WritePrimary("10-bridge.conflist", Bridge);
        await File.WriteAllTextAsync(Program + ".dll", "", TestContext.Current.CancellationToken);
        await using var installer = CniInstaller.Start(Options, NullLogger.Instance);
        await Eventually.Holds(IsInstalled);
        Assert.Equal(Program, new FileInfo(Path.Combine(Options.BinDirectory, "ztunnel")).LinkTarget);
    }
}
