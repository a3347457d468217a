using static Ztunnel.Resources.Tests.Manifests;

namespace Ztunnel.Resources.Tests;

public sealed class ManifestDirectoryTests : IDisposable
{
    private const string Broken = "apiVersion: v1\nkind: Pod\nmetadata: {name: b}\nstatus: {podIP: ten}\n";

    private static readonly HashSet<string> Untouched = new(StringComparer.Ordinal);

    private readonly TemporaryDirectory _files = new();
    private readonly ManifestDirectory _directory;

    public ManifestDirectoryTests() => _directory = new ManifestDirectory(_files.Path, ManifestReader.Read);

    public void Dispose() => _files.Dispose();

    [Fact]
    public void Only_what_has_changed_is_told()
    {
        _files.Write("pods.yaml", Join(Pod("a", "10.0.0.1"), Pod("b", "10.0.0.2")));
        Assert.Equal(["put Pod default/a 10.0.0.1 at pods.yaml:1", "put Pod default/b 10.0.0.2 at pods.yaml:7", "report pods.yaml: 2 objects"], Scan());

        Assert.Empty(Scan());

        _files.Write("pods.yaml", Join(Pod("a", "10.0.0.1"), Pod("b", "10.0.0.3")));
        Assert.Equal(["put Pod default/b 10.0.0.3 at pods.yaml:7"], Scan("pods.yaml"));

        _files.Write("pods.yaml", Pod("b", "10.0.0.3"));
        Assert.Equal(["remove Pod default/a", "put Pod default/b 10.0.0.3 at pods.yaml:1", "report pods.yaml: 1 objects"], Scan());

        File.Delete(_files.File("pods.yaml"));
        Assert.Equal(["remove Pod default/b", "report pods.yaml: gone"], Scan());
    }

    [Fact]
    public void Only_manifests_in_the_directory_itself_are_read()
    {
        Directory.CreateDirectory(_files.File("sub"));
        Directory.CreateDirectory(_files.File("dir.yaml"));
        foreach (string name in (string[])["a.yaml", "b.yml", "c.json", "D.YAML", "e.txt", ".f.yaml", "g.yaml~", "sub/h.yaml", "yaml"])
            _files.Write(name, Namespace(Path.GetFileNameWithoutExtension(name).Trim('.').ToLowerInvariant(), null));
        File.CreateSymbolicLink(_files.File(".#a.yaml"), "nobody@nowhere:1");

        Scan();
        Assert.Equal(["a", "b", "c", "d"], DirectorySource.Read(_files.Path).Objects.Select(@object => @object.Key.Name).ToArray());
    }

    [Fact]
    public void An_object_with_a_mistake_stays_as_it_was_and_the_rest_of_the_file_changes()
    {
        _files.Write("pods.yaml", Join(Pod("a", "10.0.0.1"), Pod("b", "10.0.0.2"), Pod("c", "10.0.0.3")));
        Scan();

        _files.Write("pods.yaml", Join(Pod("a", "10.0.1.1"), Broken));

        Assert.Equal(
            [
                "put Pod default/a 10.0.1.1 at pods.yaml:1",
                "remove Pod default/c",
                "report pods.yaml: 2 objects, kept Pod default/b, pods.yaml:10: Pod default/b: status.podIP: expected an IP address, got \"ten\"",
            ],
            Scan());

        // And still when the file changes elsewhere.
        _files.Write("pods.yaml", Join(Pod("a", "10.0.2.1"), Broken));
        Assert.Equal(["put Pod default/a 10.0.2.1 at pods.yaml:1"], Scan("pods.yaml"));

        _files.Write("pods.yaml", Join(Pod("a", "10.0.2.1"), Pod("b", "10.0.0.4")));
        Assert.Equal(["put Pod default/b 10.0.0.4 at pods.yaml:7", "report pods.yaml: 2 objects"], Scan());
    }

    [Theory]
    [InlineData("kind: [\n")]
    [InlineData("apiVersion: v1\nkind: Pod\nmetadata: {name: 7}\n")]
    public void When_a_mistake_hides_which_object_it_is_in_nothing_the_file_held_goes(string mistake)
    {
        _files.Write("pods.yaml", Join(Pod("a", "10.0.0.1"), Pod("b", "10.0.0.2")));
        Scan();

        _files.Write("pods.yaml", Join(Pod("a", "10.0.1.1"), mistake, Pod("d", "10.0.0.4")));

        string[] told = Scan();
        Assert.Equal(["put Pod default/a 10.0.1.1 at pods.yaml:1", "put Pod default/d 10.0.0.4 at pods.yaml:" + (mistake.StartsWith("kind", StringComparison.Ordinal) ? "9" : "11")], told[..2]);
        Assert.StartsWith("report pods.yaml: 3 objects, kept Pod default/b, pods.yaml:", told[2], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("kind: Pod\n", "kind: Pods\n")]
    [InlineData("kind: Pod\n", "kind: pod\n")]
    [InlineData("kind: Pod\n", "kind: Pdo\n")]
    [InlineData("kind: Pod\n", "kind: Deployment\n")]
    [InlineData("v1\nkind: Pod\n", "vl\nkind: Pod\n")]
    [InlineData("v1\nkind: Pod\n", "wl.k8s.io/v1\nkind: Pod\n")]
    [InlineData("kind: Namespace\n", "kind: Namespce\n")]
    [InlineData("kind: Namespace\n", "kind: namespaces\n")]
    [InlineData("discovery.k8s.io/v1\n", "discovery.k8s.io/v1beta1\n")]
    [InlineData("discovery.k8s.io/v1\n", "discovery.k8s.oi/v1\n")]
    public void An_object_whose_kind_is_misspelt_stays_as_it_was_until_it_is_put_right_or_taken_out(string right, string wrong)
    {
        string good = Join(Namespace("default", "ambient"), Pod("a", "10.0.0.1"), Slice("a", "web", 80, "10.0.0.1"));
        _files.Write("mesh.yaml", good);
        Scan();

        _files.Write("mesh.yaml", good.Replace(right, wrong, StringComparison.Ordinal));
        string[] told = Scan();
        Assert.DoesNotContain(told, line => line.StartsWith("remove", StringComparison.Ordinal));
        Assert.Contains("kept ", told[^1], StringComparison.Ordinal);
        Assert.Contains(wrong[(wrong.LastIndexOf(": ", StringComparison.Ordinal) + 2)..].TrimEnd(), told[^1], StringComparison.Ordinal);

        // And still when the file changes elsewhere, or cannot be read for a while.
        _files.Write("mesh.yaml", "# Edited\n" + good.Replace(right, wrong, StringComparison.Ordinal));
        Assert.DoesNotContain(Scan(), line => line.StartsWith("remove", StringComparison.Ordinal));
        _files.Write("mesh.yaml", "[");
        Assert.DoesNotContain(Scan(), line => line.StartsWith("remove", StringComparison.Ordinal));
        _files.Write("mesh.yaml", "# Edited\n" + good.Replace(right, wrong, StringComparison.Ordinal));
        Assert.DoesNotContain(Scan(), line => line.StartsWith("remove", StringComparison.Ordinal));

        _files.Write("mesh.yaml", good);
        Assert.Equal("report mesh.yaml: 3 objects", Scan()[^1]);
        _files.Write("mesh.yaml", good.Replace(right, wrong, StringComparison.Ordinal));
        Scan();
        _files.Write("mesh.yaml", "# Nothing left\n");
        Assert.Equal(3, Scan().Count(line => line.StartsWith("remove", StringComparison.Ordinal)));
    }

    [Fact]
    public void An_object_taken_out_goes_although_others_of_its_name_and_of_kinds_not_used_stay_or_come()
    {
        const string account = "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: web}\n";
        const string deployment = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n";
        const string elsewhere = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web, namespace: other}\n";
        _files.Write("a.yaml", Join(account, Service("web", "10.96.0.1")));
        Scan();

        // Unreadable for a while, which is not to make strangers of what was there before.
        _files.Write("a.yaml", "[");
        Scan();
        _files.Write("a.yaml", Join(account, deployment, elsewhere));

        Assert.Equal(["remove Service default/web", "report a.yaml: 0 objects"], Scan());
    }

    [Fact]
    public void A_list_whose_kind_is_misspelt_keeps_what_was_in_it()
    {
        const string items = "items:\n- {apiVersion: v1, kind: Namespace, metadata: {name: a}}\n";
        _files.Write("a.yaml", "apiVersion: v1\nkind: List\n" + items);
        Scan();

        _files.Write("a.yaml", "apiVersion: v1\nkind: Lists\n" + items);

        Assert.Equal(
            ["report a.yaml: 1 objects, kept Namespace a, a.yaml:2: kind: expected a kind that ends in List, as there are items, got \"Lists\""], Scan());
    }

    [Fact]
    public void A_file_with_a_mistake_from_the_start_gives_what_is_good_in_it()
    {
        _files.Write("pods.yaml", Join(Pod("a", "10.0.0.1"), Broken));

        Assert.Equal(
            ["put Pod default/a 10.0.0.1 at pods.yaml:1", "report pods.yaml: 1 objects, pods.yaml:10: Pod default/b: status.podIP: expected an IP address, got \"ten\""],
            Scan());
    }

    [Fact]
    public void A_file_with_a_mistake_that_is_deleted_takes_along_what_it_kept()
    {
        _files.Write("b.yaml", Pod("b", "10.0.0.2"));
        Scan();
        _files.Write("b.yaml", Broken);
        Scan();

        File.Delete(_files.File("b.yaml"));

        Assert.Equal(["remove Pod default/b", "report b.yaml: gone"], Scan());
    }

    [Fact]
    public void Of_an_object_in_two_files_the_first_stays_and_the_problem_names_both()
    {
        _files.Write("m.yaml", Pod("a", "10.0.0.1"));
        Scan();

        // Neither by name nor by time does a copy take the place of what was there.
        _files.Write("b.yaml", "# A copy\n" + Pod("a", "10.0.0.2"));
        _files.Write("z.yaml", Pod("a", "10.0.0.3"));
        Assert.Equal(
            [
                "report b.yaml: 0 objects, b.yaml:2: Pod default/a: is already defined in m.yaml:1, which is used; this one is left out",
                "report z.yaml: 0 objects, z.yaml:1: Pod default/a: is already defined in m.yaml:1, which is used; this one is left out",
            ],
            Scan());

        File.Delete(_files.File("m.yaml"));
        Assert.Equal(
            [
                "put Pod default/a 10.0.0.2 at b.yaml:2",
                "report b.yaml: 1 objects",
                "report m.yaml: gone",
                "report z.yaml: 0 objects, z.yaml:1: Pod default/a: is already defined in b.yaml:2, which is used; this one is left out",
            ],
            Scan());

        File.Delete(_files.File("z.yaml"));
        Assert.Equal(["report z.yaml: gone"], Scan());
    }

    [Fact]
    public void At_the_start_the_first_by_file_name_is_used()
    {
        _files.Write("b.yaml", Pod("a", "10.0.0.2"));
        _files.Write("a.yaml", Pod("a", "10.0.0.1"));

        Assert.Contains("put Pod default/a 10.0.0.1 at a.yaml:1", Scan(), StringComparer.Ordinal);
    }

    [Fact]
    public void A_renamed_file_and_a_moved_object_are_never_gone_in_between()
    {
        _files.Write("a.yaml", Join(Pod("a", "10.0.0.1"), Pod("b", "10.0.0.2")));
        Scan();

        File.Move(_files.File("a.yaml"), _files.File("c.yaml"));
        Assert.DoesNotContain(Scan(), told => told.StartsWith("remove", StringComparison.Ordinal));

        _files.Write("c.yaml", Pod("a", "10.0.0.1"));
        _files.Write("d.yaml", Pod("b", "10.0.0.2"));
        Assert.Equal(["put Pod default/b 10.0.0.2 at d.yaml:1", "report c.yaml: 1 objects", "report d.yaml: 1 objects"], Scan());
    }

    [Fact]
    public void A_file_that_cannot_be_read_keeps_what_it_held_and_is_tried_again()
    {
        _files.Write("real", Pod("a", "10.0.0.1"));
        File.CreateSymbolicLink(_files.File("a.yaml"), "real");
        Scan();

        File.Move(_files.File("real"), _files.File("away"));
        string report = Assert.Single(Scan());
        Assert.StartsWith("report a.yaml: 1 objects, kept Pod default/a, a.yaml: cannot be read: ", report, StringComparison.Ordinal);

        File.Move(_files.File("away"), _files.File("real"));
        Assert.Equal(["report a.yaml: 1 objects"], Scan());
    }

    [Fact]
    public void A_mounted_config_map_changes_by_turning_a_link_above_the_files()
    {
        Directory.CreateDirectory(_files.File("..1"));
        Directory.CreateDirectory(_files.File("..2"));
        _files.Write("..1/a.yaml", Pod("a", "10.0.0.1"));
        _files.Write("..2/a.yaml", Pod("a", "10.0.0.2"));
        File.SetLastWriteTimeUtc(_files.File("..2/a.yaml"), File.GetLastWriteTimeUtc(_files.File("..1/a.yaml")));
        Directory.CreateSymbolicLink(_files.File("..data"), "..1");
        File.CreateSymbolicLink(_files.File("a.yaml"), "..data/a.yaml");
        Scan();

        Directory.Delete(_files.File("..data"));
        Directory.CreateSymbolicLink(_files.File("..data"), "..2");

        Assert.Equal(["put Pod default/a 10.0.0.2 at a.yaml:1"], Scan());
    }

    [Fact]
    public void A_file_beyond_all_measure_is_refused_without_reading_it()
    {
        using (FileStream file = File.Create(_files.File("a.yaml")))
            file.SetLength(100 * 1024 * 1024);

        // As every file of a mounted ConfigMap is, a link.
        File.CreateSymbolicLink(_files.File("b.yaml"), "a.yaml");

        Assert.Equal(
            [
                "report a.yaml: 0 objects, a.yaml: is larger than the 32 MiB that are read",
                "report b.yaml: 0 objects, b.yaml: is larger than the 32 MiB that are read",
            ],
            Scan());
    }

    [Fact]
    public async Task What_is_no_file_is_not_waited_for()
    {
        using (var mkfifo = System.Diagnostics.Process.Start("mkfifo", [_files.File("a.yaml")]))
            await mkfifo.WaitForExitAsync(TestContext.Current.CancellationToken);
        File.CreateSymbolicLink(_files.File("b.yaml"), "/dev/zero");
        _files.Write("c.yaml", Pod("c", "10.0.0.1"));

        // On its own thread: one that hangs in open(2) cannot be brought back.
        string[] told = await Task.Factory.StartNew(() => Scan(), TaskCreationOptions.LongRunning).WaitAsync(
            TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken);

        Assert.Equal("put Pod default/c 10.0.0.1 at c.yaml:1", told[0]);
    }

    [Fact]
    public void A_file_whose_reading_fails_as_nobody_foresaw_keeps_what_it_held_and_costs_no_other()
    {
        bool faulty = false;
        var directory = new ManifestDirectory(
            _files.Path,
            (source, content) => faulty && source == "a.yaml" ? throw new InvalidCastException("boom") : ManifestReader.Read(source, content));
        _files.Write("a.yaml", Pod("a", "10.0.0.1"));
        directory.Scan(Untouched);

        faulty = true;
        _files.Write("a.yaml", Pod("a", "10.0.0.22"));
        _files.Write("b.yaml", Pod("b", "10.0.0.2"));
        Assert.Equal(
            [
                "put Pod default/b 10.0.0.2 at b.yaml:1",
                "report a.yaml: 1 objects, kept Pod default/a, a.yaml: cannot be read: boom",
                "report b.yaml: 1 objects",
            ],
            directory.Scan(Untouched).Select(Show).ToArray());

        faulty = false;
        Assert.Equal(["put Pod default/a 10.0.0.22 at a.yaml:1", "report a.yaml: 1 objects"], directory.Scan(Untouched).Select(Show).ToArray());
    }

    [Fact]
    public void Unknown_kinds_are_in_the_report()
    {
        _files.Write("a.yaml", Join("apiVersion: v1\nkind: ConfigMap\n", "apiVersion: v1\nkind: ConfigMap\n", Namespace("a", null)));

        SourceReport report = Assert.Single(DirectorySource.Read(_files.Path).Files);

        Assert.Equal(1, report.ObjectCount);
        Assert.Equal(KeyValuePair.Create("v1 ConfigMap", 2), Assert.Single(report.UnknownKinds));
    }

    private string[] Scan(params string[] touched) => [.. _directory.Scan(touched.ToHashSet(StringComparer.Ordinal)).Select(Show)];

    private static string Show(ResourceEvent @event)
    {
        switch (@event)
        {
            case ResourceEvent.Put put:
                return $"put {put.Object.Key} {string.Join(' ', (put.Object as PodObject)?.Addresses ?? [])} at {put.Origin}";
            case ResourceEvent.Remove removal:
                return $"remove {removal.Key}";
            case ResourceEvent.Report { Source: { Exists: false } gone }:
                return $"report {gone.Name}: gone";
            default:
                SourceReport report = ((ResourceEvent.Report)@event).Source;
                IEnumerable<string> kept = report.Kept.Select(key => $"kept {key}");
                return $"report {report.Name}: {string.Join(", ", [$"{report.ObjectCount} objects", .. kept, .. report.Problems.Select(problem => problem.ToString())])}";
        }
    }
}
