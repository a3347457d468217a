using System.Text.Json;
using Ztunnel.Resources;

namespace Ztunnel.Kubernetes.Tests.Source;

public sealed class TrimmedPodsTests
{
    private static readonly string[] Columns = ["Name", "Ready", "Status", "Restarts", "Age", "IP", "Node", "Nominated Node", "Readiness Gates"];

    private readonly TrimmedPods _rows = new();

    [Theory]
    [InlineData("1/1", "Running", "<none>", PodPhase.Running, true)]
    [InlineData("2/2", "Running", "1/1", PodPhase.Running, true)]
    [InlineData("2/2", "Running", "0/1", PodPhase.Running, false)]
    [InlineData("1/2", "Running", "<none>", PodPhase.Running, false)]
    [InlineData("0/1", "Pending", "<none>", PodPhase.Pending, false)]
    [InlineData("0/1", "ContainerCreating", "<none>", PodPhase.Pending, false)]
    [InlineData("0/1", "Init:0/2", "<none>", PodPhase.Pending, false)]
    [InlineData("0/1", "CrashLoopBackOff", "<none>", PodPhase.Running, false)]
    [InlineData("1/2", "Error", "<none>", PodPhase.Running, false)]
    [InlineData("0/1", "Error", "<none>", PodPhase.Failed, false)]
    [InlineData("0/1", "Evicted", "<none>", PodPhase.Failed, false)]
    [InlineData("0/1", "Completed", "<none>", PodPhase.Succeeded, false)]
    [InlineData("0/1", "Unknown", "<none>", PodPhase.Running, false)]
    public void What_is_shown_of_a_pod_tells_its_state(string ready, string status, string gates, PodPhase phase, bool serves)
    {
        PodObject pod = Read("redirected", ready, status, "10.0.0.1", "node-b", gates);
        Assert.Equal((phase, serves), (pod.Phase, pod.Ready));
        Assert.Equal(phase is PodPhase.Failed or PodPhase.Succeeded, pod.Terminated);
    }

    [Fact]
    public void A_pod_that_is_not_scheduled_has_neither_node_nor_address()
    {
        PodObject pod = Read("redirected", "0/1", "Pending", "<none>", "<none>");
        Assert.Equal("", pod.NodeName);
        Assert.Empty(pod.Addresses);
    }

    [Fact]
    public void Of_the_metadata_is_kept_what_is_used()
    {
        PodObject pod = Read("redirected", "1/1", "Running", "fd00::7", "node-b");
        Assert.Equal(("u-1", "baker", true), (pod.Metadata.Uid, pod.ServiceAccount, pod.IsRedirected));
        Assert.Equal(new ControllerReference("ReplicaSet", "web-1"), pod.Metadata.Controller);
        Assert.Equal("web", pod.Metadata.Labels["app"]);
        Assert.Equal(2, pod.Metadata.Annotations.Count);
        Assert.Equal("fd00::7", Assert.Single(pod.Addresses).ToString());
        Assert.Equal(0, _rows.WithoutAccount);
    }

    [Fact]
    public void A_pod_that_nobody_captures_is_known_so_that_slices_may_name_it_and_has_no_address_of_its_own()
    {
        PodObject pod = Read("bare", "1/1", "Running", "10.0.0.1", "node-b");
        Assert.Equal((true, true, false), (pod.Ready, pod.HostNetwork, pod.IsRedirected));
        Assert.False(Read("redirected", "1/1", "Running", "10.0.0.2", "node-b").HostNetwork);
        Assert.Equal(0, _rows.WithoutAccount);
    }

    [Fact]
    public void Pods_that_do_not_say_their_account_are_counted_while_they_last()
    {
        Assert.Equal("default", Read("silent", "1/1", "Running", "10.0.0.1", "node-b").ServiceAccount);
        Assert.Equal(1, _rows.WithoutAccount);
        Read("redirected", "1/1", "Running", "10.0.0.1", "node-b");
        Assert.Equal(0, _rows.WithoutAccount);
        Read("silent", "1/1", "Running", "10.0.0.1", "node-b");
        _rows.Forget("default", "web");
        Assert.Equal(0, _rows.WithoutAccount);
    }

    [Fact]
    public void A_table_without_the_columns_is_refused()
    {
        using JsonDocument row = JsonDocument.Parse("""{"cells":[],"object":{"metadata":{}}}""");
        Assert.Throws<FormatException>(() => _rows.Read(new WatchEvent.Put(row.RootElement, "default", "web"), ["Name"]));
    }

    private PodObject Read(string annotated, string ready, string status, string ip, string node, string gates = "<none>")
    {
        string annotations = annotated switch
        {
            "redirected" => """{"ambient.istio.io/redirection":"enabled","ztunnel.io/service-account":"baker","ztunnel.io/network-namespace":"/x"}""",
            "silent" => """{"ambient.istio.io/redirection":"enabled"}""",
            _ => """{"note":"x"}""",
        };
        using JsonDocument row = JsonDocument.Parse($$"""
            {"cells":["web","{{ready}}","{{status}}","0","1m","{{ip}}","{{node}}","<none>","{{gates}}"],
             "object":{"metadata":{"name":"web","namespace":"default","uid":"u-1","labels":{"app":"web"},"creationTimestamp":"2026-03-01T10:00:00Z",
               "annotations":{{annotations}},
               "ownerReferences":[{"kind":"Other","name":"x"},{"kind":"ReplicaSet","name":"web-1","controller":true}] } } }
            """);
        return _rows.Read(new WatchEvent.Put(row.RootElement, "default", "web"), Columns);
    }
}
