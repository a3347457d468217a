using System.Net;
using System.Text.Json;
using Ztunnel.Lab;

namespace Ztunnel.EndToEnd.Tests;

/// <summary>What a client of a service notices of its endpoints: nothing, while one of them works.</summary>
[Collection(nameof(DestinationLab))]
public sealed class EndpointTests(DestinationLab lab)
{
    [Theory]
    [InlineData("mute", 1)]
    [InlineData("lost", 2)]
    [InlineData("plain", 3)]
    public async Task A_client_does_not_notice_an_endpoint_that_cannot_be_connected_to(string name, byte number)
    {
        // The application of the first refuses, the agent of the second does not run, the third is reached without a tunnel.
        LabPod dead = lab.Mesh.Pod(name);
        var address = new IPAddress([10, 96, 1, number]);
        await using PodHttpServer server = PodHttpServer.Start(lab.Far, DestinationLab.HttpPort);
        lab.Mesh.Manifests.Write($"half-{name}.yaml", Yaml.Join(
            Yaml.Service($"half-{name}", "default", "{}", 80, "8080", address.ToString()),
            Yaml.Slice($"half-{name}", DestinationLab.HttpPort, Yaml.Endpoint(lab.Far), Yaml.Endpoint(dead))));
        await lab.UntilServed(address, 2);

        Assert.Equal(["far"], await lab.AskAgain(address));

        string line = await lab.Mesh.AccessLine("direction=\"outbound\"", $"dst.service=\"half-{name}.default.svc.cluster.local\"");
        Assert.Contains("dst.workload=\"far\"", line, StringComparison.Ordinal);
        Assert.DoesNotContain("error", line, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_client_is_refused_when_no_endpoint_can_be_connected_to_and_the_log_says_how_many_were_tried()
    {
        IPAddress address = IPAddress.Parse("10.96.1.9");
        lab.Mesh.Manifests.Write("dead.yaml", Yaml.Join(
            Yaml.Service("dead", "default", "{}", 80, "8080", address.ToString()),
            Yaml.Slice("dead", 8081, Yaml.Endpoint(lab.Mute), Yaml.Endpoint(lab.Lost), Yaml.Endpoint(lab.Plain), Yaml.Endpoint(lab.Near))));
        await lab.UntilServed(address, 4);

        FailedConnection failed = await PodSocket.Fail(lab.Client, address, 80);

        string line = await lab.Mesh.AccessLine($"src.addr={failed.Client}", "direction=\"outbound\"");
        Assert.Contains("(the last of 3 endpoints tried)", line, StringComparison.Ordinal);
        Assert.Contains("dst.service=\"dead.default.svc.cluster.local\"", line, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_endpoint_that_keeps_refusing_is_passed_over_for_a_while_and_comes_back()
    {
        IPAddress address = IPAddress.Parse("10.96.1.10");
        await using PodHttpServer server = PodHttpServer.Start(lab.Far, DestinationLab.HttpPort);
        await lab.Serve("flaky", address, "type: ClusterIP", Yaml.Endpoint(lab.Far), Yaml.Endpoint(lab.Mute));

        await MeshLab.Eventually("the endpoint to be passed over", async () =>
        {
            Assert.Equal("far", await lab.Ask(address));
            return await EjectedUntil() is not null;
        });

        await using PodHttpServer back = PodHttpServer.Start(lab.Mute, DestinationLab.HttpPort);
        DateTimeOffset until = (await EjectedUntil())!.Value;
        await MeshLab.Eventually("the endpoint to be used again", async () => await lab.Ask(address) == "mute");

        Assert.True(DateTimeOffset.UtcNow >= until);
        Assert.Null(await EjectedUntil());

        async Task<DateTimeOffset?> EjectedUntil()
        {
            JsonElement dump = await NodeDiagnostics.Dump(lab.Mesh.Network.Node("a"));
            JsonElement endpoint = dump.GetProperty("services").EnumerateArray()
                .Single(service => service.GetProperty("name").GetString() == "flaky")
                .GetProperty("endpoints").EnumerateObject()
                .Single(entry => entry.Value.GetProperty("address").GetString() == $"/{lab.Mute.IPv4}").Value;
            return endpoint.TryGetProperty("ejectedUntil", out JsonElement until) ? until.GetDateTimeOffset() : null;
        }
    }
}
