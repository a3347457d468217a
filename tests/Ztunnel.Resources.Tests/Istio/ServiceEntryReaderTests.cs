using System.Net;
using Ztunnel.Mesh;
using static Ztunnel.Resources.Tests.Entries;

namespace Ztunnel.Resources.Tests;

public sealed class ServiceEntryReaderTests
{
    [Theory]
    [InlineData("v1")]
    [InlineData("v1beta1")]
    [InlineData("v1alpha3")]
    public void Every_version_has_the_same_fields(string version)
    {
        ServiceEntryObject entry = Manifests.Only<ServiceEntryObject>($$"""
            apiVersion: networking.istio.io/{{version}}
            kind: ServiceEntry
            metadata: {name: out, namespace: shop}
            spec:
              hosts: [api.example.com, "*.example.org"]
              addresses: [192.0.2.1, "2001:db8::1", 198.51.100.0/24]
              ports:
              - {number: 443, name: https, protocol: TLS}
              - {number: 80, name: http, protocol: HTTP, targetPort: 8080}
              location: MESH_INTERNAL
              resolution: STATIC
              endpoints:
              - {address: 10.0.0.7, ports: {https: 8443}, labels: {v: a}, locality: eu/eu-1/rack}
              exportTo: [., other]
              subjectAltNames: ["spiffe://x/y"]
            status:
              addresses: [{value: 240.240.0.9, host: api.example.com}]
            """);

        Assert.Equal("ServiceEntry shop/out", entry.Key.ToString());
        Assert.Equal(["api.example.com", "*.example.org"], entry.Hosts);
        Assert.Equal(["192.0.2.1", "2001:db8::1"], entry.Addresses.Select(address => address.ToString()), StringComparer.Ordinal);
        Assert.Equal([IPNetwork.Parse("198.51.100.0/24")], entry.Ranges);
        Assert.Equal(
            [
                new ServicePortSpec("https", 443, TransportProtocol.Tcp, new TargetPort.Numbered(443), "tls"),
                new ServicePortSpec("http", 80, TransportProtocol.Tcp, new TargetPort.Numbered(8080), "http"),
            ],
            entry.Ports);
        Assert.Equal(EntryResolution.Static, entry.Resolution);
        EntryEndpoint endpoint = Assert.Single(entry.Endpoints);
        Assert.Equal((IPAddress.Parse("10.0.0.7"), null, "eu", "eu-1"), (endpoint.Address, endpoint.Name, endpoint.Region, endpoint.Zone));
        Assert.Equal([new EndpointPort("https", 8443)], endpoint.Ports);
        Assert.Equal([".", "other"], entry.ExportTo);
        Assert.Equal(["spiffe://x/y"], entry.SubjectAltNames);
        Assert.Equal([new AssignedAddress("api.example.com", IPAddress.Parse("240.240.0.9"))], entry.Assigned);
        Assert.Equal(["spec.subjectAltNames"], entry.NotEnforced);
    }

    [Theory]
    [InlineData("\"*\"", "", "spec.hosts[0]")]
    [InlineData("10.0.0.1", "", "spec.hosts[0]")]
    [InlineData("Api.example.com", "", "spec.hosts[0]")]
    [InlineData("", "", "spec.hosts: is required")]
    [InlineData("a.com", "addresses: [10.0.0.0/8], resolution: DNS", "spec.addresses: may hold blocks of addresses only with resolution NONE or STATIC")]
    [InlineData("a.com", "addresses: [10.0.0.300]", "spec.addresses[0]")]
    [InlineData("a.com", "addresses: [10.0.0.0/33]", "spec.addresses[0]")]
    [InlineData("a.com", "resolution: SOMETIMES", "spec.resolution")]
    [InlineData("a.com", "location: MARS", "spec.location")]
    [InlineData("a.com", "endpoints: [{address: 10.0.0.1}]", "spec.endpoints: may not be given with resolution NONE")]
    [InlineData("\"*.a.com\"", "resolution: DNS", "spec.hosts: may not have a wildcard")]
    [InlineData("a.com", "resolution: DNS_ROUND_ROBIN, endpoints: [{address: b.com}, {address: c.com}]", "spec.endpoints: may hold at most one")]
    [InlineData("a.com", "resolution: STATIC, endpoints: [{address: b.com}]", "spec.endpoints[0].address: expected an IP address, as resolution STATIC demands")]
    [InlineData("a.com", "resolution: DNS, endpoints: [{address: \"unix:///tmp/x\"}]", "spec.endpoints[0].address: must be an IP address or a DNS name")]
    [InlineData("a.com", "resolution: DNS, endpoints: [{address: b.com, ports: {other: 1}}]", "spec.endpoints[0].ports[other]: is none of the entry's ports")]
    [InlineData("a.com", "resolution: STATIC, workloadSelector: {labels: {a: b}}, endpoints: [{address: 10.0.0.1}]", "spec.workloadSelector: may not stand beside endpoints")]
    [InlineData("a.com", "resolution: DYNAMIC_DNS", "spec.hosts: must all begin with *.")]
    [InlineData("a.com", "exportTo: [\"*\", b]", "spec.exportTo: may hold nothing beside")]
    [InlineData("a.com", "exportTo: [B]", "spec.exportTo[0]")]
    [InlineData("a.com", "exportto: [b]", "exportTo")]
    [InlineData("a.com", "endpoint: []", "endpoints")]
    public void A_mistake_is_told_with_its_field(string hosts, string spec, string told) =>
        Assert.Contains(Manifests.Problems(Entry("out", hosts, spec)), problem => problem.Contains("ServiceEntry default/out", StringComparison.Ordinal) && problem.Contains(told, StringComparison.Ordinal));

    [Theory]
    [InlineData("{name: a}", "spec.ports[0].number: is required")]
    [InlineData("{number: 80}", "spec.ports[0].name: is required")]
    [InlineData("{number: 80, name: a, protocol: SMTP}", "spec.ports[0].protocol: must be one of")]
    [InlineData("{number: 80, name: a}, {number: 80, name: b}", "spec.ports[1].number: another port of the entry has number 80 too")]
    [InlineData("{number: 80, name: a}, {number: 81, name: a}", "spec.ports[1].name: another port of the entry is named \"a\" too")]
    [InlineData("{number: 70000, name: a}", "spec.ports[0].number")]
    [InlineData("{number: 80, name: a, targetport: 1}", "targetPort")]
    public void So_is_one_in_a_port(string ports, string told) =>
        Assert.Contains(Manifests.Problems(Entry("out", "a.com", ports: ports)), problem => problem.Contains(told, StringComparison.Ordinal));

    [Fact]
    public void What_nothing_comes_of_is_named()
    {
        string entry = Entry(
            "out",
            "a.com",
            "resolution: STATIC, endpoints: [{address: 10.0.0.1, weight: 3, network: n, serviceAccount: sa}]",
            ports: "{number: 80, name: http}, {number: 53, name: dns, protocol: UDP}");
        var world = new World(entry, Workloads());

        Assert.Equal("Accepted PartiallyEnforced", world.Standing(ObjectKind.ServiceEntry, "out"));
        Assert.Equal(
            "not enforced: spec.ports dns (UDP), spec.endpoints[0].network, spec.endpoints[0].weight, spec.endpoints[0].serviceAccount",
            world.Translator.Inventory.StatusOf(new ObjectKey(ObjectKind.ServiceEntry, "default", "out"))!.Conditions[1].Message);
        Assert.Equal("Accepted PartiallyEnforced", world.Standing(ObjectKind.WorkloadEntry, "vm"));

        static string Workloads() => Workload("vm", "10.0.0.2", "weight: 2");
    }
}
