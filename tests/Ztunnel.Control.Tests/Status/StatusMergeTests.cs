using System.Text.Json.Nodes;
using Ztunnel.Resources;

namespace Ztunnel.Control.Tests;

/// <summary>What we have to say is put into the status an object has, beside what others say there.</summary>
public sealed class StatusMergeTests
{
    private static readonly DateTimeOffset Now = new(2030, 1, 2, 3, 4, 5, TimeSpan.Zero);
    private static readonly ObjectKey Gateway = new(ObjectKind.Gateway, "shop", "gw");
    private static readonly ObjectKey Route = new(ObjectKind.HttpRoute, "shop", "web");

    private static readonly StatusCondition Accepted = new("Accepted", true, "Accepted", "fine");

    private const string AcceptedBefore =
        """{type: Accepted, status: "True", reason: Accepted, message: fine, lastTransitionTime: "2020-01-01T00:00:00Z", observedGeneration: 3}""";

    [Fact]
    public void A_first_status_is_written_with_the_time_and_generation() => Assert.Equal(
        """{"conditions":[{"type":"Accepted","status":"True","reason":"Accepted","message":"fine","lastTransitionTime":"2030-01-02T03:04:05Z","observedGeneration":3}]}""",
        Merge(Of(Gateway, Accepted), null));

    [Fact]
    public void Nothing_is_written_where_nothing_differs() => Assert.Equal("nothing", Merge(Of(Gateway, Accepted), $"conditions: [{AcceptedBefore}]"));

    [Theory]
    [InlineData("""{type: Accepted, status: "True", reason: Other, message: fine, lastTransitionTime: "2020-01-01T00:00:00Z", observedGeneration: 3}""", "2020-01-01T00:00:00Z")]
    [InlineData("""{type: Accepted, status: "True", reason: Accepted, message: fine, lastTransitionTime: "2020-01-01T00:00:00Z", observedGeneration: 2}""", "2020-01-01T00:00:00Z")]
    [InlineData("""{type: Accepted, status: "False", reason: Accepted, message: fine, lastTransitionTime: "2020-01-01T00:00:00Z", observedGeneration: 3}""", "2030-01-02T03:04:05Z")]
    [InlineData("""{type: Accepted, status: Unknown, reason: Pending, message: Waiting, lastTransitionTime: "1970-01-01T00:00:00Z"}""", "2030-01-02T03:04:05Z")]
    public void The_time_of_a_transition_stays_until_there_is_one(string before, string time)
    {
        JsonNode merged = JsonNode.Parse(Merge(Of(Gateway, Accepted), $"conditions: [{before}]"))!;
        Assert.Equal(time, merged["conditions"]![0]!["lastTransitionTime"]!.GetValue<string>());
        Assert.Equal(3, merged["conditions"]![0]!["observedGeneration"]!.GetValue<int>());
    }

    [Fact]
    public void Conditions_of_others_stay_and_ours_that_hold_no_longer_go()
    {
        var bound = new StatusCondition(BindingConditions.Bound, true, "WaypointAccepted", "x");
        const string Live = """conditions: [{type: theirs, status: "True"}, {type: istio.io/WaypointBound, status: "False"}]""";
        var service = new ObjectKey(ObjectKind.Service, "shop", "web");
        JsonNode kept = JsonNode.Parse(Merge(Of(service, bound), Live))!;
        Assert.Equal("theirs istio.io/WaypointBound", string.Join(' ', kept["conditions"]!.AsArray().Select(condition => condition!["type"])));
        Assert.Equal("""{"conditions":[{"type":"theirs","status":"True"}]}""", Merge(Of(service), Live));
        Assert.Equal("nothing", Merge(Of(service), """{loadBalancer: {}, conditions: [{type: theirs, status: "True"}]}"""));
        Assert.Equal("nothing", Merge(Of(service), "{loadBalancer: {}}"));
    }

    [Fact]
    public void What_is_said_of_a_later_generation_is_not_taken_back_unless_there_is_none_as_late()
    {
        GatewayApiStatus wanted = Of(Gateway, Accepted with { Status = false });
        string live = $"conditions: [{AcceptedBefore.Replace("observedGeneration: 3", "observedGeneration: 4", StringComparison.Ordinal)}]";
        Assert.Equal("nothing", Merge(wanted, live));
        Assert.Contains("\"observedGeneration\":3", Merge(wanted, live, generation: 3), StringComparison.Ordinal);
    }

    [Fact]
    public void Nothing_is_said_of_another_object_of_that_name() => Assert.Equal("nothing", Merge(Of(Gateway, Accepted), null, uid: "another"));

    [Fact]
    public void Listeners_are_those_of_the_gateway()
    {
        GatewayApiStatus wanted = Of(Gateway) with { Listeners = [new ListenerStatus { Name = "http", AttachedRoutes = 2, SupportedKinds = [new AllowedKind("g", "HTTPRoute")], Conditions = [Accepted] }] };
        string merged = Merge(wanted, $$"""listeners: [{name: gone, attachedRoutes: 1}, {name: http, attachedRoutes: 1, conditions: [{{AcceptedBefore}}, {type: theirs, status: "True"}]}]""");
        Assert.Equal(
            """{"listeners":[{"name":"http","supportedKinds":[{"group":"g","kind":"HTTPRoute"}],"attachedRoutes":2,"conditions":["""
            + """{"type":"Accepted","status":"True","reason":"Accepted","message":"fine","lastTransitionTime":"2020-01-01T00:00:00Z","observedGeneration":3},"""
            + """{"type":"theirs","status":"True"}]}]}""",
            merged);
        Assert.Equal("nothing", Merge(wanted, merged));
    }

    [Fact]
    public void Addresses_are_written_whole()
    {
        GatewayApiStatus wanted = Of(Gateway) with { Addresses = [new GatewayAddress(GatewayAddress.IPAddress, "192.0.2.1")] };
        Assert.Equal("""{"addresses":[{"type":"IPAddress","value":"192.0.2.1"}]}""", Merge(wanted, "addresses: [{type: IPAddress, value: 192.0.2.9}]"));
        Assert.Equal("nothing", Merge(wanted, "addresses: [{value: 192.0.2.1, type: IPAddress}]"));
    }

    [Fact]
    public void Parents_of_other_controllers_stay()
    {
        var parent = new ParentStatus(new ParentReference { Name = "gw", SectionName = "http", Port = 80 }, GatewayControllers.Ingress, [Accepted]);
        const string Live = """
            parents:
            - {controllerName: other.io/controller, parentRef: {name: theirs}, conditions: []}
            - {controllerName: istio.io/gateway-controller, parentRef: {name: gone}, conditions: []}
            - {controllerName: istio.io/gateway-controller, parentRef: {group: gateway.networking.k8s.io, kind: Gateway, name: gw, sectionName: http, port: 80}, conditions: [{type: Old, status: "True"}]}
            """;
        string merged = Merge(Of(Route) with { Parents = [parent] }, Live);
        Assert.Equal(
            """{"parents":[{"controllerName":"other.io/controller","parentRef":{"name":"theirs"},"conditions":[]},"""
            + """{"parentRef":{"group":"gateway.networking.k8s.io","kind":"Gateway","name":"gw","sectionName":"http","port":80},"controllerName":"istio.io/gateway-controller","conditions":["""
            + """{"type":"Accepted","status":"True","reason":"Accepted","message":"fine","lastTransitionTime":"2030-01-02T03:04:05Z","observedGeneration":3}]}]}""",
            merged);
        Assert.Equal("nothing", Merge(Of(Route) with { Parents = [parent] }, merged));
        Assert.Equal("""{"parents":[{"controllerName":"other.io/controller","parentRef":{"name":"theirs"},"conditions":[]}]}""", Merge(Of(Route), Live));
        Assert.Equal("nothing", Merge(Of(Route), null));
    }

    private static GatewayApiStatus Of(ObjectKey key, params StatusCondition[] conditions) => new() { Object = key, Uid = "u", Generation = 3, Conditions = [.. conditions] };

    private static string Merge(GatewayApiStatus wanted, string? live, string uid = "u", int generation = 4)
    {
        var served = new JsonObject
        {
            ["metadata"] = new JsonObject { ["uid"] = uid, ["generation"] = generation },
            ["status"] = live is null ? null : ManifestJson.Parse(live),
        };
        return StatusMerge.Merge(wanted, ServedStatus.Of(served, "v1"), Now)?.ToJsonString() ?? "nothing";
    }
}
