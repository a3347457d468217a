using Ztunnel.Mesh;

namespace Ztunnel.Resources.Tests;

/// <summary>In a cluster a pod is in the mesh when its node's agent has said so; of manifests, and of the agent's own pods, when labels ask.</summary>
public sealed class ClusterEnrolmentTests
{
    private const string Namespace = "{apiVersion: v1, kind: Namespace, metadata: {name: default, labels: {istio.io/dataplane-mode: ambient}}}";

    [Theory]
    [InlineData("node-a", false, Enrolment.Ambient)]
    [InlineData("node-a", true, Enrolment.Ambient)]
    [InlineData("node-b", false, Enrolment.NotCaptured)]
    [InlineData("node-b", true, Enrolment.Ambient)]
    public void Of_other_nodes_the_annotation_counts_and_of_the_own_the_labels(string node, bool annotated, Enrolment expected)
    {
        var options = new TranslatorOptions { InCluster = true, OwnNode = "node-a" };
        Assert.Equal(expected, new World(options, Namespace, Pod(node, annotated)).Workload("web").Enrolment);
    }

    [Theory]
    [InlineData(false, Enrolment.NotCaptured)]
    [InlineData(true, Enrolment.Ambient)]
    public void Where_there_is_no_own_node_the_annotation_counts_for_all(bool annotated, Enrolment expected) =>
        Assert.Equal(expected, new World(new TranslatorOptions { InCluster = true }, Namespace, Pod("node-a", annotated)).Workload("web").Enrolment);

    [Fact]
    public void The_annotation_does_not_ask_for_an_own_pod_to_be_captured() =>
        Assert.Equal(
            Enrolment.NotLabelled,
            new World(new TranslatorOptions { InCluster = true, OwnNode = "node-a" }, Pod("node-a", annotated: true)).Workload("web").Enrolment);

    [Fact]
    public void Of_manifests_the_labels_of_all_count() =>
        Assert.Equal(Enrolment.Ambient, new World(Namespace, Pod("node-b", annotated: false)).Workload("web").Enrolment);

    private static string Pod(string node, bool annotated) => $$"""
        apiVersion: v1
        kind: Pod
        metadata: {name: web, namespace: default, annotations: {ambient.istio.io/redirection: "{{(annotated ? "enabled" : "disabled")}}"} }
        spec: {nodeName: "{{node}}", containers: [{name: web}] }
        status: {podIP: 10.0.0.1}
        """;
}
