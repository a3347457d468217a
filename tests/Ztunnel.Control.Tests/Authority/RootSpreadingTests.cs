using System.Text.Json.Nodes;
using Ztunnel.Testing;

namespace Ztunnel.Control.Tests;

/// <summary>What may hold up the exchange of a root, and what not.</summary>
public sealed class RootSpreadingTests
{
    private const string Left = "{apiVersion: v1, kind: ConfigMap, metadata: {name: istio-ca-root-cert, namespace: NAMESPACE}, data: {root-cert.pem: theirs}}";

    [Theory]
    [InlineData("istio-system")]
    [InlineData("gateways")]
    public async Task A_map_that_another_mesh_has_left_is_told_of_and_holds_another_root_up_until_it_is_ours(string ns)
    {
        await using AuthorityCluster cluster = await AuthorityCluster.Start();
        using TestCa old = new(cluster.Time.GetUtcNow()), @new = new(cluster.Time.GetUtcNow());
        cluster.Server.Objects.Put(TestCa.Secret(old.Files()));
        cluster.Server.Put(Left.Replace("NAMESPACE", ns, StringComparison.Ordinal));
        ClusterAuthority replica = cluster.Replica();
        string fault = $"ConfigMap {ns}/istio-ca-root-cert has other roots and is somebody else's: it is left as it is; "
            + "to have it kept label it app.kubernetes.io/managed-by=ztunnel, or delete it";
        await cluster.Until(() => replica.Status.Fault == fault);
        await Eventually.Holds(() => cluster.Server.Objects.List("events.k8s.io/v1", "Event").Any(told =>
            (string?)told["regarding"]!["namespace"] == ns && (string?)told["reason"] == "ForeignRoots" && (string?)told["note"] == fault));

        cluster.Server.Objects.Put(TestCa.Secret(@new.Files()));
        await cluster.Until(() => cluster.RootsIn("demo") == @new.Pem + old.Pem);
        for (int passed = 0; passed < 3; passed++)
            await Looked(cluster);
        Assert.False(cluster.IsSpread);

        JsonObject map = cluster.Server.Objects.Get("v1", "ConfigMap", ns, RootSpreader.Name)!;
        map["metadata"]!["labels"] = new JsonObject { ["app.kubernetes.io/managed-by"] = "ztunnel" };
        cluster.Server.Objects.Put(map);
        await cluster.Until(() => cluster.IsSpread && replica.Status.Fault is null);
        Assert.Equal(@new.Pem + old.Pem, cluster.RootsIn(ns));
    }

    [Theory]
    [InlineData("gateways", "{name: istio-ca-root-cert, namespace: gateways}", false)]
    [InlineData("gateways", "{name: istio-ca-root-cert, namespace: gateways, labels: {app.kubernetes.io/managed-by: ztunnel}}", false)]
    [InlineData("istio-system", "{name: istio-ca-root-cert, namespace: istio-system}", true)]
    public async Task Who_may_make_a_Gateway_and_a_map_holds_another_root_up_for_a_day_at_most(string ns, string metadata, bool forEver)
    {
        await using AuthorityCluster cluster = await AuthorityCluster.Start();
        using TestCa old = new(cluster.Time.GetUtcNow()), @new = new(cluster.Time.GetUtcNow());
        cluster.Server.Objects.Put(TestCa.Secret(old.Files()));
        cluster.Server.Put($"{{apiVersion: v1, kind: ConfigMap, metadata: {metadata}, data: {{root-cert.pem: theirs}}}}");
        // What an immutable ConfigMap gives.
        using IDisposable immutable = cluster.Server.Faults.Fail(422, request => request is { Verb: "patch", Resource: "configmaps" } && request.Namespace == ns);
        ClusterAuthority replica = cluster.Replica();
        await cluster.Until(() => cluster.RootsIn("demo") == old.Pem);

        cluster.Server.Objects.Put(TestCa.Secret(@new.Files()));
        await cluster.Until(() => cluster.RootsIn("demo") == @new.Pem + old.Pem);
        await cluster.Pass(TimeSpan.FromHours(23));
        await Looked(cluster);
        Assert.False(cluster.IsSpread);
        await cluster.Pass(TimeSpan.FromHours(1));
        if (forEver)
        {
            await Looked(cluster);
            Assert.False(cluster.IsSpread);
            return;
        }

        await cluster.Until(() => cluster.IsSpread);
        Assert.StartsWith($"ConfigMap {ns}/", replica.Status.Fault, StringComparison.Ordinal);
        Assert.Single(cluster.Log.Lines, line => line.Text.Contains("gateways, which is not waited for any longer", StringComparison.Ordinal));
        await cluster.Pass(cluster.Options.Propagation);
        await cluster.Until(() => cluster.Secret("ca-cert.pem") == @new.Pem);
    }

    [Fact]
    public async Task A_day_there_is_too_where_an_earlier_version_began_the_exchange()
    {
        await using AuthorityCluster cluster = await AuthorityCluster.Start();
        using TestCa old = new(cluster.Time.GetUtcNow()), @new = new(cluster.Time.GetUtcNow());
        cluster.Server.Objects.Put(TestCa.Secret(old.Files()));
        cluster.Server.Put(Left.Replace("NAMESPACE", "gateways", StringComparison.Ordinal));
        cluster.Replica();
        await cluster.Until(() => cluster.RootsIn("demo") == old.Pem);
        cluster.Server.Objects.Put(TestCa.Secret(@new.Files()));
        await cluster.Until(() => cluster.RootsIn("demo") == @new.Pem + old.Pem);

        // That one did not write since when roots are told.
        JsonObject secret = cluster.Server.Objects.Get("v1", "Secret", "istio-system", "ztunnel-ca")!;
        JsonNode steps = JsonNode.Parse(cluster.Secret("rotation.json"))!;
        foreach (JsonNode? root in steps["roots"]!.AsArray())
            root!.AsObject().Remove("told");
        secret["data"]!["rotation.json"] = Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes(steps.ToJsonString()));
        secret["metadata"]!.AsObject().Remove("resourceVersion");
        cluster.Server.Objects.Put(secret);
        await Looked(cluster);
        Assert.False(cluster.IsSpread);
        await cluster.Pass(TimeSpan.FromHours(23));
        await Looked(cluster);
        Assert.False(cluster.IsSpread);
        await cluster.Pass(TimeSpan.FromHours(1));
        await cluster.Until(() => cluster.IsSpread);
    }

    [Fact]
    public async Task A_map_of_somebody_else_s_with_the_roots_that_are_of_use_will_do()
    {
        await using AuthorityCluster cluster = await AuthorityCluster.Start();
        using TestCa old = new(cluster.Time.GetUtcNow()), @new = new(cluster.Time.GetUtcNow()), other = new(cluster.Time.GetUtcNow());
        cluster.Server.Objects.Put(TestCa.Secret(old.Files()));
        cluster.Server.Objects.Put(new JsonObject
        {
            ["apiVersion"] = "v1",
            ["kind"] = "ConfigMap",
            ["metadata"] = new JsonObject { ["name"] = RootSpreader.Name, ["namespace"] = "istio-system" },
            ["data"] = new JsonObject { [RootSpreader.FileName] = other.Pem + old.Pem.Replace("\n", "\r\n", StringComparison.Ordinal) + @new.Pem },
        });
        ClusterAuthority replica = cluster.Replica();
        await cluster.Until(() => cluster.RootsIn("demo") == old.Pem);

        cluster.Server.Objects.Put(TestCa.Secret(@new.Files()));
        await cluster.Until(() => cluster.RootsIn("demo") == @new.Pem + old.Pem && cluster.IsSpread);

        Assert.Null(replica.Status.Fault);
        Assert.StartsWith(other.Pem, cluster.RootsIn("istio-system"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_namespace_that_lets_nothing_be_written_holds_no_root_up()
    {
        await using AuthorityCluster cluster = await AuthorityCluster.Start();
        using TestCa old = new(cluster.Time.GetUtcNow()), @new = new(cluster.Time.GetUtcNow());
        cluster.Server.Objects.Put(TestCa.Secret(old.Files()));
        ClusterAuthority replica = cluster.Replica();
        await cluster.Until(() => cluster.RootsIn("demo") == old.Pem && cluster.RootsIn("istio-system") == old.Pem);
        // What an immutable ConfigMap gives.
        using IDisposable immutable = cluster.Server.Faults.Fail(422, request => request is { Verb: "patch", Resource: "configmaps", Namespace: "demo" });

        cluster.Server.Objects.Put(TestCa.Secret(@new.Files()));
        await cluster.Until(() => cluster.RootsIn("gateways") == @new.Pem + old.Pem && cluster.IsSpread);

        Assert.Equal(old.Pem, cluster.RootsIn("demo"));
        Assert.Null(replica.Status.Fault);
        Assert.Contains(cluster.Log.Lines, line => line.Text.Contains("ConfigMap demo/istio-ca-root-cert cannot be kept: ", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Where_gateways_go_by_it_what_cannot_be_written_holds_a_root_up_and_is_told()
    {
        await using AuthorityCluster cluster = await AuthorityCluster.Start();
        using TestCa old = new(cluster.Time.GetUtcNow()), @new = new(cluster.Time.GetUtcNow());
        cluster.Server.Objects.Put(TestCa.Secret(old.Files()));
        ClusterAuthority replica = cluster.Replica();
        await cluster.Until(() => cluster.RootsIn("gateways") == old.Pem && cluster.RootsIn("istio-system") == old.Pem);
        using (cluster.Server.Faults.Fail(422, request => request is { Verb: "patch", Resource: "configmaps", Namespace: "gateways" }))
        {
            cluster.Server.Objects.Put(TestCa.Secret(@new.Files()));
            await cluster.Until(() => replica.Status.Fault?.StartsWith("ConfigMap gateways/istio-ca-root-cert cannot be kept: ", StringComparison.Ordinal) == true);
            await Looked(cluster);
            Assert.False(cluster.IsSpread);
        }

        await cluster.Until(() => cluster.IsSpread && replica.Status.Fault is null);
    }

    [Fact]
    public async Task Changes_that_come_fast_are_not_followed_faster_than_is_reasonable()
    {
        await using AuthorityCluster cluster = await AuthorityCluster.Start();
        cluster.Replica();
        await cluster.Until(() => cluster.RootsIn("demo").Length > 0 && cluster.RootsIn("istio-system").Length > 0);
        await Looked(cluster);
        string roots = cluster.RootsIn("demo");
        long Mended() => cluster.Server.Counters.Requests("patch", "configmaps");
        long before = Mended();

        // The clock stands still: all of it is within one interval.
        for (int change = 0; change < 20; change++)
        {
            JsonObject map = cluster.Server.Objects.Get("v1", "ConfigMap", "demo", RootSpreader.Name)!;
            map["data"]![RootSpreader.FileName] = $"changed {change}";
            map["metadata"]!.AsObject().Remove("resourceVersion");
            cluster.Server.Objects.Put(map);
            // A follower that is too quick is given the time to show it.
            await Task.WhenAny(Eventually.Holds(() => cluster.RootsIn("demo") == roots), Task.Delay(50, TestContext.Current.CancellationToken));
        }

        Assert.InRange(Mended() - before, 0, 1);
        await cluster.Until(() => cluster.RootsIn("demo") == roots);
    }

    /// <summary>Returns when the leader has looked once more, by what it then reads.</summary>
    private static Task Looked(AuthorityCluster cluster)
    {
        long until = cluster.Server.Counters.Requests("get", "secrets") + 6;
        return cluster.Until(() => cluster.Server.Counters.Requests("get", "secrets") >= until);
    }
}
