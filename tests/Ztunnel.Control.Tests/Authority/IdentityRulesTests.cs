using Ztunnel.Identity;
using Ztunnel.Resources;

namespace Ztunnel.Control.Tests;

/// <summary>Whom a caller may have a certificate for.</summary>
public sealed class IdentityRulesTests
{
    private readonly NodePods _pods = new();
    private readonly IdentityRules _rules;

    public IdentityRulesTests()
    {
        _rules = new IdentityRules("cluster.local", new HashSet<string>(StringComparer.Ordinal) { "istio-system/ztunnel" }, _pods);
        Put("istio-system", "agent-a", "node-a", "ztunnel");
        Put("istio-system", "agent-b", "node-b", "ztunnel");
        Put("istio-system", "other", "node-a", "other");
        Put("demo", "web-1", "node-a", "web");
        Put("demo", "db-1", "node-b", "db");
        Put("demo", "done", "node-a", "done", PodPhase.Succeeded);
        Put("demo", "ending", "node-a", "ending", deleting: true);
        Put("demo", "waiting", "", "waiting");
        _pods.Apply(new ResourceEvent.Synced());
    }

    [Theory]
    [InlineData("demo", "web", "spiffe://cluster.local/ns/demo/sa/web")]
    [InlineData("istio-system", "ztunnel", "spiffe://cluster.local/ns/istio-system/sa/ztunnel")]
    public void Everybody_may_have_its_own_account_s(string ns, string account, string identity) =>
        Assert.Equal(identity, _rules.Decide(new Caller(ns, account), null).ToString());

    [Theory]
    [InlineData("demo/sa/web")]
    [InlineData("demo/sa/ending")]
    [InlineData("istio-system/sa/ztunnel")]
    public void A_node_may_have_those_of_its_pods(string account) =>
        Assert.Equal($"spiffe://cluster.local/ns/{account}", _rules.Decide(AgentA(), $"spiffe://cluster.local/ns/{account}").ToString());

    [Theory]
    [InlineData("spiffe://cluster.local/ns/demo/sa/db", "no pod of demo/db runs on node node-a")]
    [InlineData("spiffe://cluster.local/ns/other/sa/web", "no pod of other/web runs on node node-a")]
    [InlineData("spiffe://cluster.local/ns/demo/sa/done", "no pod of demo/done runs on node node-a")]
    [InlineData("spiffe://cluster.local/ns/demo/sa/waiting", "no pod of demo/waiting runs on node node-a")]
    [InlineData("spiffe://other.domain/ns/demo/sa/web", "another trust domain")]
    [InlineData("spiffe://cluster.local/demo/web", "its path is not")]
    [InlineData("web", "spiffe://")]
    public void A_node_may_not_have_others(string identity, string why) => AssertDenied(AgentA(), identity, why);

    [Fact]
    public void A_pod_s_going_takes_the_permission_with_it()
    {
        Put("demo", "web-2", "node-a", "web");
        Remove("demo", "web-1");
        _rules.Decide(AgentA(), "spiffe://cluster.local/ns/demo/sa/web");
        Remove("demo", "web-2");

        AssertDenied(AgentA(), "spiffe://cluster.local/ns/demo/sa/web", "no pod of demo/web");
    }

    [Fact]
    public void A_pod_of_the_same_name_elsewhere_takes_the_permission_along()
    {
        Put("demo", "web-1", "node-b", "web");

        AssertDenied(AgentA(), "spiffe://cluster.local/ns/demo/sa/web", "no pod of demo/web");
    }

    [Theory]
    [InlineData("demo", "web", "web-1", "not the agent of a node")]
    [InlineData("istio-system", "other", "other", "not the agent of a node")]
    [InlineData("demo", "ztunnel", "agent-a", "not the agent of a node")]
    public void Who_is_no_agent_may_not_ask_for_others(string ns, string account, string pod, string why) =>
        AssertDenied(new Caller(ns, account) { PodName = pod, PodUid = $"uid-{pod}" }, "spiffe://cluster.local/ns/demo/sa/web", why);

    [Fact]
    public void An_agent_is_the_pod_its_token_is_bound_to()
    {
        const string Web = "spiffe://cluster.local/ns/demo/sa/web";
        AssertDenied(AgentA() with { PodName = null }, Web, "not bound to a pod");
        AssertDenied(AgentA() with { PodUid = null }, Web, "not bound to a pod");
        AssertDenied(AgentA() with { PodUid = "uid-earlier" }, Web, "not the one that now has that name");
        AssertDenied(AgentA() with { PodName = "gone" }, Web, "its pod gone is not known");
        AssertDenied(AgentA() with { PodName = "other", PodUid = "uid-other" }, Web, "another service account");
        AssertDenied(AgentA() with { NodeName = "node-b" }, Web, "its token is of node node-b and its pod agent-a runs on node-a");
        AssertDenied(AgentA() with { PodName = "agent-b", PodUid = "uid-agent-b" }, Web, "no pod of demo/web runs on node node-b");
        _rules.Decide(AgentA() with { NodeName = "node-a" }, Web);
        // So new that only the API server has seen it.
        _rules.Decide(AgentA() with { PodName = "new", NodeName = "node-a" }, Web);
        AssertDenied(AgentA() with { PodName = "new", NodeName = "node-b" }, Web, "runs on node node-b");
    }

    [Fact]
    public void Before_the_pods_are_known_nobody_is_told_no()
    {
        var rules = new IdentityRules("cluster.local", new HashSet<string>(StringComparer.Ordinal) { "istio-system/ztunnel" }, new NodePods());

        GrpcException e = Assert.Throws<GrpcException>(() => rules.Decide(AgentA(), "spiffe://cluster.local/ns/demo/sa/web"));

        Assert.Equal(GrpcStatus.Unavailable, e.Status);
    }

    private static Caller AgentA() => new("istio-system", "ztunnel") { PodName = "agent-a", PodUid = "uid-agent-a" };

    private void AssertDenied(Caller caller, string identity, string why)
    {
        GrpcException e = Assert.Throws<GrpcException>(() => _rules.Decide(caller, identity));
        Assert.Equal(GrpcStatus.PermissionDenied, e.Status);
        Assert.Contains(why, e.Detail, StringComparison.Ordinal);
        Assert.StartsWith(caller.Account, e.Detail, StringComparison.Ordinal);
    }

    private void Remove(string ns, string name) => _pods.Apply(new ResourceEvent.Remove(new ObjectKey(ObjectKind.Pod, ns, name)));

    private void Put(string ns, string name, string node, string account, PodPhase phase = PodPhase.Running, bool deleting = false) => _pods.Apply(new ResourceEvent.Put(
        new PodObject
        {
            Metadata = new ObjectMetadata { Name = name, Namespace = ns, Uid = $"uid-{name}", Deleting = deleting },
            NodeName = node,
            ServiceAccount = account,
            Phase = phase,
        },
        new Origin("test", 1)));
}
