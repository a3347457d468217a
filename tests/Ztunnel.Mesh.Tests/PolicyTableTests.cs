using System.Collections.Immutable;
using System.Globalization;
using System.Net;
using static Ztunnel.Mesh.Tests.Make;

namespace Ztunnel.Mesh.Tests;

public sealed class PolicyTableTests
{
    private static readonly Workload Web = Pod("web", "10.244.2.7") with { Labels = Labels("app=web") };
    private static readonly Workload Far = Pod("far", "10.244.2.8") with { Namespace = "far", Labels = Labels("app=web") };
    private static readonly SpiffeId Shop = SpiffeId.Create("cluster.local", "shop", "cart");
    private static readonly SpiffeId Bank = SpiffeId.Create("cluster.local", "bank", "till");

    [Fact]
    public void Without_policies_everything_is_let_in()
    {
        MeshState mesh = State(Web);

        Assert.True(mesh.Authorize(To(Web, Shop)).Allowed);
        Assert.True(mesh.Authorize(To(Web, null)).Allowed);
    }

    [Fact]
    public void A_change_shows_to_judgements_before_observers_hear_of_it_with_whose_workloads_it_is_about()
    {
        MeshState mesh = State(Web);
        var heard = new List<string>();
        using (mesh.Policies.Observe(change => heard.Add($"{change.Namespace ?? "all"} {mesh.Authorize(To(Web, Shop)).Allowed}")))
        {
            mesh.Policies.Put(Deny("a"));
            mesh.Policies.RemoveAuthorization(new PolicyName("default", "a"));
            mesh.Policies.RemoveAuthorization(new PolicyName("default", "a"));
            mesh.Policies.Put(Deny("a", @namespace: null));
        }

        mesh.Policies.Put(Deny("b"));

        Assert.Equal(["default False", "default True", "all False"], heard);
    }

    [Theory]
    [InlineData(10)]
    [InlineData(5000)]
    public void A_change_of_policy_costs_only_the_workloads_of_its_namespace_and_only_when_they_are_judged(int namespaces)
    {
        MeshState mesh = State(Web, Far);
        for (int i = 0; i < namespaces; i++)
        {
            Workload pod = Pod($"pod-{i}", $"10.1.{i >> 8}.{i & 255}") with { Namespace = $"ns-{i}", Labels = Labels("app=web") };
            mesh.Put(pod);
            mesh.Policies.Put(Deny("p", $"ns-{i}", "app=web"));
            Assert.False(mesh.Authorize(To(pod, Shop)).Allowed);
        }

        mesh.Authorize(To(Web, Shop));
        mesh.Authorize(To(Far, Shop));
        long before = mesh.Policies.EffectiveComputed;

        mesh.Policies.Put(Deny("a"));
        Assert.Equal(before, mesh.Policies.EffectiveComputed);
        foreach (Workload workload in mesh.Workloads)
            mesh.Authorize(To(workload, Shop));
        Assert.Equal(before + 1, mesh.Policies.EffectiveComputed);

        mesh.Put(Web with { Labels = Labels("app=other") });
        foreach (Workload workload in mesh.Workloads)
            mesh.Authorize(To(workload, Shop));
        Assert.Equal(before + 2, mesh.Policies.EffectiveComputed);
    }

    [Fact]
    public void A_judgement_allocates_nothing_and_looks_only_at_the_policies_about_its_workload()
    {
        MeshState mesh = State(Web);
        for (int i = 0; i < 5000; i++)
            mesh.Policies.Put(Deny($"p-{i}", "default", string.Create(CultureInfo.InvariantCulture, $"app=other-{i}")));
        mesh.Policies.Put(Allow("allow", new AttributeMatcher.Namespace([new TextPattern("shop")])));
        mesh.Policies.Put(new PeerAuthentication { Name = new("default", "strict"), Scope = new("default", StringMap.Empty), Mode = MutualTlsMode.Strict });
        ConnectionFacts shop = To(Web, Shop), bank = To(Web, Bank), nobody = To(Web, null);
        Assert.True(mesh.Authorize(shop).Allowed);
        Assert.False(mesh.Authorize(bank).Allowed);
        Assert.False(mesh.Authorize(nobody).Allowed);

        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 1000; i++)
        {
            mesh.Authorize(shop);
            mesh.Authorize(bank);
            mesh.Authorize(nobody);
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public void What_is_worked_out_for_a_workload_goes_with_it()
    {
        MeshState mesh = State(Web);
        mesh.Policies.Put(Deny("a"));
        mesh.Authorize(To(Web, Shop));
        mesh.RemoveWorkload(Web.Uid);
        long before = mesh.Policies.EffectiveComputed;

        // A connection that has outlived its workload is judged, but nothing is kept for it.
        Assert.False(mesh.Authorize(To(Web, Shop)).Allowed);
        Assert.False(mesh.Authorize(To(Web, Shop)).Allowed);
        Assert.Equal(before + 2, mesh.Policies.EffectiveComputed);
    }

    [Fact]
    public void Workloads_are_counted_for_each_policy()
    {
        Workload db = Pod("db", "10.244.2.9") with { Labels = Labels("app=db") };
        MeshState mesh = State(Web, Far, db);
        AuthorizationPolicy all = Deny("all", null), own = Deny("own"), web = Deny("web", "default", "app=web"), anyWeb = Deny("any", null, "app=web"), none = Deny("none", "default", "app=x");
        var strict = new PeerAuthentication { Name = new("far", "strict"), Scope = new("far", StringMap.Empty), Mode = MutualTlsMode.Strict };
        foreach (AuthorizationPolicy policy in new[] { all, own, web, anyWeb, none })
            mesh.Policies.Put(policy);
        mesh.Policies.Put(strict);

        IReadOnlyDictionary<IPolicy, int> counts = mesh.Policies.CountSelected(mesh.Workloads);

        Assert.Equal([3, 2, 1, 2, 0, 1], new IPolicy[] { all, own, web, anyWeb, none, strict }.Select(policy => counts.GetValueOrDefault(policy)));
    }

    [Fact]
    public async Task Judgements_beside_the_writer_always_see_one_version_or_the_other()
    {
        MeshState mesh = State(Web);
        mesh.Policies.Put(Deny("a"));
        using var stop = new CancellationTokenSource();
        long judgements = 0;
        Task<bool> reader = Task.Run(() =>
        {
            bool allowedOnce = false;
            for (; !stop.IsCancellationRequested; Volatile.Write(ref judgements, judgements + 1))
                allowedOnce |= mesh.Authorize(To(Web, Shop)).Allowed;
            return allowedOnce;
        });

        for (int round = 0; round < 20_000 || (Volatile.Read(ref judgements) < 20_000 && !reader.IsCompleted); round++)
            mesh.Policies.Put(Deny("a", "default", round % 2 == 0 ? "app=web" : ""));

        await stop.CancelAsync();
        Assert.False(await reader, "a policy was replaced by another that refuses as well, and for a moment neither counted");
    }

    [Theory]
    [InlineData("::ffff:10.0.0.0", 120, "10.0.0.77", true)]
    [InlineData("10.0.0.0", 24, "::ffff:10.0.0.77", true)]
    [InlineData("10.0.0.77", 32, "10.0.0.77", true)]
    [InlineData("10.0.0.0", 0, "192.0.2.1", true)]
    [InlineData("10.0.0.0", 0, "fd00::1", false)]
    [InlineData("::", 0, "fd00::1", true)]
    [InlineData("::", 0, "10.0.0.1", false)]
    [InlineData("fd00::", 127, "fd00::1", true)]
    [InlineData("fd00::", 128, "fd00::1", false)]
    public void A_range_holds_the_addresses_of_its_family_that_begin_alike(string range, int length, string address, bool holds)
    {
        Assert.Equal(holds, new AddressRange(IPAddress.Parse(range), length).Contains(NetworkAddress.From(IPAddress.Parse(address))));
    }

    private static ConnectionFacts To(Workload workload, SpiffeId? client) =>
        ConnectionFacts.Of(workload, new IPEndPoint(workload.Addresses[0], 8080), IPAddress.Parse("10.244.1.5"), client);

    private static AuthorizationPolicy Deny(string name, string? @namespace = "default", string selector = "") => new()
    {
        Name = new PolicyName(@namespace ?? "istio-system", name),
        Scope = new PolicyScope(@namespace, Labels(selector)),
        Action = PolicyAction.Deny,
        Rules = [new AuthorizationRule<ConnectionFacts>([])],
    };

    private static AuthorizationPolicy Allow(string name, params ImmutableArray<Matcher<ConnectionFacts>> demands) => new()
    {
        Name = new PolicyName("default", name),
        Scope = new PolicyScope("default", StringMap.Empty),
        Action = PolicyAction.Allow,
        Rules = [new AuthorizationRule<ConnectionFacts>([new AuthorizationClause<ConnectionFacts>([demands])])],
    };
}
