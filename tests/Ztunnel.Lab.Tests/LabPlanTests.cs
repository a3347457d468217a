using System.Net;
using Ztunnel.IO;
using Ztunnel.Mesh;
using Ztunnel.Resources;

namespace Ztunnel.Lab.Tests;

public sealed class LabPlanTests
{
    private static readonly KubernetesObject[] Objects =
    [
        new NodeObject
        {
            Metadata = new ObjectMetadata { Name = "worker" },
            InternalAddresses = [IPAddress.Parse("172.18.0.2"), IPAddress.Parse("fc00::2")],
            PodRanges = [IPNetwork.Parse("10.244.1.0/24"), IPNetwork.Parse("fd00:10:244:1::/64")],
        },
        new PodObject
        {
            Metadata = new ObjectMetadata
            {
                Name = "server",
                Namespace = "shop",
                Annotations = new StringMap([new(PodObject.NetworkNamespaceAnnotation, "cni-server")]),
            },
            NodeName = "worker",
            Addresses = [IPAddress.Parse("10.244.1.9"), IPAddress.Parse("fd00:10:244:1::9")],
            Containers =
            [
                new PodContainer
                {
                    Name = "echo",
                    Command = ["sh", "-c"],
                    Arguments = ["echo $GREETING | nc -N -l 8080"],
                    Environment = new StringMap([new("GREETING", "good day")]),
                    Ports = [new ContainerPort("tcp", 8080, TransportProtocol.Tcp), new ContainerPort("dns", 53, TransportProtocol.Udp)],
                },
                new PodContainer { Name = "image-only" },
            ],
        },
        new PodObject { Metadata = new ObjectMetadata { Name = "agent", Namespace = "kube-system" }, NodeName = "worker", HostNetwork = true },
    ];

    [Fact]
    public async Task Kubernetes_objects_make_a_lab_with_their_addresses_names_and_containers()
    {
        await using LabNetwork lab = await LabNetwork.Build(LabPlan.From(Objects));
        await lab.StartContainers();

        LabPod server = Assert.Single(lab.Pods);
        ProcessResult greeting = await lab.Node("worker").Exec("nc", "-N", $"{server.IPv4}", "8080");

        Assert.Equal("good day\n", greeting.Output);
        Assert.True(File.Exists(Path.Combine(lab.NamespaceDirectory, "cni-server")));
        Assert.Equal([IPAddress.Parse("10.244.1.9"), IPAddress.Parse("fd00:10:244:1::9")], server.Addresses);
    }

    [Fact]
    public async Task A_container_that_does_not_come_up_is_named_with_what_it_said()
    {
        LabPlan plan = LabPlan.From(Objects);
        plan = plan with
        {
            Pods = [plan.Pods[0] with { Containers = [new ContainerPlan("bad", new LabCommand("sh", "-c", "echo no such file >&2; exit 9"), [80])] }],
        };
        await using LabNetwork lab = await LabNetwork.Build(plan);
        LabException bad = await Assert.ThrowsAsync<LabException>(() => lab.StartContainers());
        Assert.Contains("on pod shop/server: it ended before it listened on port 80 (exit code 9): no such file", bad.Message, StringComparison.Ordinal);
    }
}
