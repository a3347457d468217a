using System.Diagnostics;
using static Ztunnel.Resources.Tests.Manifests;

namespace Ztunnel.Resources.Tests;

/// <summary>The watch, on real directories and in real time: each test waits until what it expects is there.</summary>
public sealed class DirectorySourceTests : IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly TemporaryDirectory _files = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly Mesh.MeshState _mesh = new();
    private readonly Translator _translator;
    private Task _running = Task.CompletedTask;

    public DirectorySourceTests() => _translator = new Translator(_mesh);

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => _running);
        _stop.Dispose();
        _files.Dispose();
    }

    public static TheoryData<string> Watching => new("notified", "by looking only");

    [Theory]
    [MemberData(nameof(Watching))]
    public async Task An_edit_takes_effect_however_the_editor_writes(string watching)
    {
        _files.Write("pods.yaml", Pod("a", "10.0.0.1"));
        await Start(watching);
        Assert.Equal("10.0.0.1", AddressesOf("a"));

        _files.Write("pods.yaml", Pod("a", "10.0.0.2"));
        await Until(() => AddressesOf("a") == "10.0.0.2");

        _files.Replace("pods.yaml", Pod("a", "10.0.0.30"));
        await Until(() => AddressesOf("a") == "10.0.0.30");

        _files.Write("more.yaml", Pod("b", "10.0.0.4"));
        await Until(() => AddressesOf("b") == "10.0.0.4");

        File.Delete(_files.File("pods.yaml"));
        await Until(() => AddressesOf("a") is null);
        Assert.Equal("10.0.0.4", AddressesOf("b"));
    }

    [Fact]
    public async Task An_edit_takes_effect_within_a_second()
    {
        _files.Write("pods.yaml", Pod("a", "10.0.0.1"));
        await Start("notified");
        var times = new List<TimeSpan>();

        for (int edit = 2; edit < 7; edit++)
        {
            _files.Replace("pods.yaml", Pod("a", $"10.0.0.{edit}"));
            long written = Stopwatch.GetTimestamp();
            await Until(() => AddressesOf("a") == $"10.0.0.{edit}");
            times.Add(Stopwatch.GetElapsedTime(written));
        }

        // The middle one, so that a machine busy with something else for a moment is not taken for us.
        Assert.True(times.Order().ElementAt(times.Count / 2) < TimeSpan.FromSeconds(1), string.Join(", ", times));
    }

    [Fact]
    public async Task A_mistake_is_told_and_what_was_good_stays_until_it_is_mended()
    {
        _files.Write("services.yaml", Service("web", "10.96.0.1"));
        _files.Write("pods.yaml", Pod("a", "10.0.0.1"));
        await Start("notified");

        _files.Replace("services.yaml", Service("web", "10.96.0.2", target: "80a0"));
        await Until(() => !_translator.Inventory.Snapshot().Problems.IsEmpty);

        InventorySnapshot snapshot = _translator.Inventory.Snapshot();
        Assert.Equal(
            "services.yaml:4: Service default/web: spec.ports[0].targetPort: expected a port name or a number from 1 to 65535, got \"80a0\"",
            Assert.Single(snapshot.Problems).ToString());
        Assert.True(Assert.Single(snapshot.Objects, status => status.Key.Kind == ObjectKind.Service).KeptLastGood);
        Assert.NotNull(_mesh.ServiceByVirtualIp(System.Net.IPAddress.Parse("10.96.0.1")));

        // Nothing else is stopped by it.
        _files.Replace("pods.yaml", Pod("a", "10.0.0.2"));
        await Until(() => AddressesOf("a") == "10.0.0.2");

        _files.Replace("services.yaml", Service("web", "10.96.0.2"));
        await Until(() => _mesh.ServiceByVirtualIp(System.Net.IPAddress.Parse("10.96.0.2")) is not null);
        await Until(() => _translator.Inventory.Snapshot().Problems.IsEmpty);
    }

    [Fact]
    public async Task A_directory_taken_away_is_told_what_was_read_stays_and_its_return_is_followed()
    {
        _files.Write("pods.yaml", Pod("a", "10.0.0.1"));
        await Start("notified");

        string away = _files.Path + ".away";
        Directory.Move(_files.Path, away);
        await Until(() => !_translator.Inventory.Snapshot().Problems.IsEmpty);
        Assert.StartsWith($"{_files.Path}: the directory cannot be read, what was read before stays: ", _translator.Inventory.Snapshot().Problems[0].ToString(), StringComparison.Ordinal);
        Assert.Equal("10.0.0.1", AddressesOf("a"));

        Directory.Move(away, _files.Path);
        _files.Write("pods.yaml", Pod("a", "10.0.0.2"));
        await Until(() => AddressesOf("a") == "10.0.0.2" && _translator.Inventory.Snapshot().Problems.IsEmpty);
    }

    [Fact]
    public async Task Files_written_in_a_burst_all_arrive()
    {
        await Start("notified");

        for (int i = 0; i < 300; i++)
            _files.Replace($"pod-{i}.yaml", Pod($"pod-{i}", $"10.0.{i >> 8}.{i & 255}"));

        await Until(() => _mesh.Workloads.Count() == 300);
    }

    [Fact]
    public async Task What_containers_run_and_their_environment_are_not_kept()
    {
        string pod = Pod("a", "10.0.0.1").Replace("{name: main,", "{name: main, command: [serve], args: [x], env: [{name: PASSWORD, value: hunter2}],", StringComparison.Ordinal);
        _files.Write("pods.yaml", pod);
        Assert.Equal("PASSWORD=hunter2", Assert.IsType<PodObject>(Assert.Single(DirectorySource.Read(_files.Path).Objects)).Containers[0].Environment.ToString());

        await foreach (ResourceEvent @event in new DirectorySource(_files.Path).Watch(_stop.Token))
        {
            if (@event is ResourceEvent.Synced)
                break;
            if (@event is ResourceEvent.Put put)
                Assert.Equal([new PodContainer { Name = "main", Ports = [new ContainerPort("http", 8080, TransportProtocol.Tcp)] }], Assert.IsType<PodObject>(put.Object).Containers);
        }

        await Start("notified");
    }

    [Fact]
    public async Task A_directory_that_is_not_there_at_the_start_is_an_error()
    {
        var source = new DirectorySource(_files.File("missing"));

        await Assert.ThrowsAsync<DirectoryNotFoundException>(() => new Translator(new Mesh.MeshState()).Run(source, _stop.Token));

        await Start("notified");
    }

    private async Task Start(string watching)
    {
        DirectorySourceOptions options = watching == "notified"
            ? new DirectorySourceOptions()
            : new DirectorySourceOptions { Notify = false, Rescan = TimeSpan.FromMilliseconds(50) };
        _running = _translator.Run(new DirectorySource(_files.Path, options), _stop.Token);
        await _translator.Synced.WaitAsync(Patience);
    }

    private string? AddressesOf(string pod) =>
        _mesh.Workloads.FirstOrDefault(workload => workload.Name == pod) is { } found ? string.Join(' ', found.Addresses) : null;

    private async Task Until(Func<bool> condition)
    {
        long start = Stopwatch.GetTimestamp();
        while (!condition())
        {
            Assert.False(_running.IsCompleted, "The watch has ended.");
            Assert.True(Stopwatch.GetElapsedTime(start) < Patience, "It has not come about in time.");
            await Task.Delay(5);
        }
    }
}
