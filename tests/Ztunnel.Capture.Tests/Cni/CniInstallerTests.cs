using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Ztunnel.Testing;

namespace Ztunnel.Capture.Tests;

public sealed class CniInstallerTests : IDisposable
{
    private const string Bridge = """
        { "cniVersion": "1.0.0", "name": "cluster", "x": 1.50,
          "plugins": [ { "type": "bridge", "ipam": { "type": "host-local" } }, { "type": "portmap", "capabilities": { "portMappings": true } } ] }
        """;

    private const string Answering = "#!/bin/sh\necho '{\"supportedVersions\":[]}'\n";

    private readonly DirectoryInfo _node = Directory.CreateTempSubdirectory("cni-installer-");

    private CniOptions Options => new()
    {
        RunDirectory = "/var/run/ztunnel",
        BinDirectory = Path.Combine(_node.FullName, "opt/cni/bin"),
        ConfDirectory = Path.Combine(_node.FullName, "etc/cni/net.d"),
        Program = Program,
        Rescan = TimeSpan.FromMilliseconds(200),
        LookInterval = TimeSpan.FromMilliseconds(1),
        TriesProgram = true,
    };

    private string Program => Path.Combine(_node.FullName, "program");

    private string Plugin => Path.Combine(Options.BinDirectory, "ztunnel");

    private string Ours => Path.Combine(Options.ConfDirectory, CniOptions.ConflistName);

    public CniInstallerTests() => WriteProgram(Answering);

    public void Dispose() => _node.Delete(recursive: true);

    private void WriteProgram(string text)
    {
        File.WriteAllText(Program, text);
        File.SetUnixFileMode(Program, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

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
        Assert.Equal(Answering, await File.ReadAllTextAsync(Path.Combine(Options.BinDirectory, "ztunnel"), TestContext.Current.CancellationToken));
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
        WriteProgram(Answering + "# new\n");
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

    [Fact]
    public async Task Where_the_kernel_tells_of_no_changes_they_are_found_by_looking()
    {
        WritePrimary("10-bridge.conflist", Bridge);
        var log = new TextLog();
        int refused = 0, disposed = 0;
        CniOptions options = Options with
        {
            Listen = watcher =>
            {
                watcher.Disposed += (_, _) => Interlocked.Increment(ref disposed);
                Interlocked.Increment(ref refused);
                throw new IOException("no inotify instance is left");
            },
        };
        await using var installer = CniInstaller.Start(options, log);
        await Eventually.Holds(IsInstalled);
        File.Delete(Ours);
        await Eventually.Holds(IsInstalled);
        await Eventually.Holds(() => Volatile.Read(ref refused) > 2);
        Assert.Single(log.At(LogLevel.Warning), text => text.Contains("no inotify instance is left", StringComparison.Ordinal));
        await installer.DisposeAsync();
        Assert.Equal(refused, disposed);
    }

    [Fact]
    public async Task What_keeps_the_plugin_from_being_installed_is_told_as_a_warning_and_installing_goes_on_without_it()
    {
        string inTheWay = Path.Combine(_node.FullName, "etc");
        await File.WriteAllTextAsync(inTheWay, "", TestContext.Current.CancellationToken);
        var log = new TextLog();
        string? fault = "";
        await using var installer = CniInstaller.Start(Options, log, listener: told => Volatile.Write(ref fault, told));
        await Eventually.Holds(() => log.At(LogLevel.Warning).Any(text => text.Contains("cannot be installed", StringComparison.Ordinal)));
        await Eventually.Holds(() => Volatile.Read(ref fault) is { } told && told.StartsWith("the CNI plugin cannot be installed", StringComparison.Ordinal) && told.Contains(inTheWay, StringComparison.Ordinal));
        Assert.False(CniInstaller.IsInstalled(Options));

        // Without a network no pod can start past it.
        File.Delete(inTheWay);
        await Eventually.Holds(() => Volatile.Read(ref fault) is null);
        Assert.False(installer.Installed.IsCompleted);
        WritePrimary("10-bridge.conflist", Bridge);
        await installer.Installed.WaitAsync(Eventually.Deadline, TestContext.Current.CancellationToken);
        Assert.True(CniInstaller.IsInstalled(Options));
        Assert.Null(Volatile.Read(ref fault));

        // Behind one that runtimes take before ours it is no use.
        string first = WritePrimary("00-00-first.conflist", Bridge);
        await Eventually.Holds(() => Volatile.Read(ref fault)?.Contains(first, StringComparison.Ordinal) == true);
        File.Delete(first);
        await Eventually.Holds(() => Volatile.Read(ref fault) is null);
    }

    [Theory]
    [InlineData("""{ "name": "x", "plugins": [ { "type": "bridge" } ] }""")]
    [InlineData("""{ "cniVersion": null, "name": "x", "plugins": [ { "type": "bridge" } ] }""")]
    [InlineData("""{ "cniVersion": 1.0, "name": "x", "plugins": [ { "type": "bridge" } ] }""")]
    [InlineData("""{ "cniVersion": "0.2.0", "name": "x", "plugins": [ { "type": "bridge" } ] }""")]
    [InlineData("""{ "cniVersion": "9.0.0", "name": "x", "plugins": [ { "type": "bridge" } ] }""")]
    [InlineData("""{ "name": "x", "type": "bridge" }""")]
    public async Task A_network_of_a_version_that_the_plugin_cannot_stand_behind_stays_in_charge(string text)
    {
        string primary = WritePrimary("10-bridge.conflist", text);
        // What an agent made of it that minded no versions.
        WritePrimary(CniOptions.ConflistName, """{ "cniVersion": null, "name": "x", "plugins": [ { "type": "bridge" }, { "type": "ztunnel" } ] }""");
        var log = new TextLog();
        string? fault = null;
        await using var installer = CniInstaller.Start(Options, log, listener: told => Volatile.Write(ref fault, told));
        await Eventually.Holds(() => Volatile.Read(ref fault) is { } told && told.Contains(primary, StringComparison.Ordinal) && told.Contains("\"cniVersion\" is", StringComparison.Ordinal));
        Assert.Contains(fault!, log.At(LogLevel.Warning), StringComparer.Ordinal);
        Assert.Equal("bridge", string.Join(' ', Chain()!));

        await File.WriteAllTextAsync(primary, Bridge, TestContext.Current.CancellationToken);
        await installer.Installed.WaitAsync(Eventually.Deadline, TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(primary, text, TestContext.Current.CancellationToken);
        await Eventually.Holds(() => log.At(LogLevel.Warning).Count(line => line.Contains("\"cniVersion\" is", StringComparison.Ordinal)) == 2);
        Assert.Null(Volatile.Read(ref fault));
        Assert.Equal("bridge portmap ztunnel", string.Join(' ', Chain()!));
    }

    [Theory]
    [InlineData("""["1.0.0", "9.0.0"]""", """["1.0.0"]""")]
    [InlineData("""["9.0.0"]""", null)]
    public async Task Of_the_versions_that_a_network_offers_those_are_left_that_the_plugin_knows(string offered, string? left)
    {
        WritePrimary("10-x.conflist", $$"""{ "cniVersion": "1.0.0", "cniVersions": {{offered}}, "name": "x", "plugins": [ { "type": "bridge" } ] }""");
        await using var installer = CniInstaller.Start(Options, NullLogger.Instance);
        await installer.Installed.WaitAsync(Eventually.Deadline, TestContext.Current.CancellationToken);
        JsonNode? versions = JsonNode.Parse(await File.ReadAllTextAsync(Ours, TestContext.Current.CancellationToken))!["cniVersions"];
        Assert.True(JsonNode.DeepEquals(left is null ? null : JsonNode.Parse(left), versions));
    }

    [Theory]
    [InlineData("#!/bin/sh\necho 'libstdc++.so.6: cannot open shared object file' >&2\nexit 127\n", "libstdc++.so.6: cannot open shared object file")]
    [InlineData("#!/nowhere/ld-linux.so\n", "does not run")]
    [InlineData("#!/bin/sh\necho hello\n", "exits with 0")]
    public async Task No_pod_depends_on_a_program_that_does_not_run_on_the_node(string program, string reason)
    {
        WritePrimary("10-bridge.conflist", Bridge);
        WriteProgram(program);
        var log = new TextLog();
        await using (var installer = CniInstaller.Start(Options, log))
        {
            await Eventually.Holds(() => log.At(LogLevel.Warning).Any(text => text.Contains(reason, StringComparison.Ordinal)));
            Assert.False(File.Exists(Plugin));
            Assert.False(File.Exists(Ours));
            WriteProgram(Answering);
            await installer.Installed.WaitAsync(Eventually.Deadline, TestContext.Current.CancellationToken);
        }

        // What an agent before has put there stays, should ours not run.
        WriteProgram(program);
        var later = new TextLog();
        await using var second = CniInstaller.Start(Options, later);
        await Eventually.Holds(() => later.At(LogLevel.Warning).Any(text => text.Contains(reason, StringComparison.Ordinal)));
        Assert.Equal(Answering, await File.ReadAllTextAsync(Plugin, TestContext.Current.CancellationToken));
        Assert.True(IsInstalled());
    }

    [Fact]
    public async Task What_an_agent_left_that_was_killed_while_it_wrote_is_taken_away()
    {
        WritePrimary("10-bridge.conflist", Bridge);
        string half = WritePrimary($".{CniOptions.ConflistName}.4711.tmp", "{");
        Directory.CreateDirectory(Options.BinDirectory);
        await File.WriteAllTextAsync(Path.Combine(Options.BinDirectory, ".ztunnel.4711.tmp"), "half", TestContext.Current.CancellationToken);
        string other = Path.Combine(Options.BinDirectory, ".bridge.4711.tmp");
        await File.WriteAllTextAsync(other, "", TestContext.Current.CancellationToken);
        await using var installer = CniInstaller.Start(Options, NullLogger.Instance);
        await installer.Installed.WaitAsync(Eventually.Deadline, TestContext.Current.CancellationToken);
        Assert.False(File.Exists(half));
        string[] programs = [other, Plugin];
        Assert.Equal(programs, Directory.GetFiles(Options.BinDirectory).Order(StringComparer.Ordinal), StringComparer.Ordinal);
    }
}
