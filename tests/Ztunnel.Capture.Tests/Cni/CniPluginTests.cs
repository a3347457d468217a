using System.Text.Json;
using Ztunnel.IO;
using Ztunnel.Mesh;

namespace Ztunnel.Capture.Tests;

public sealed class CniPluginTests
{
    private static Workload Made(string name = "pod") => Agent.Workload(name) with { NetworkNamespace = null };

    [Theory]
    [InlineData("0.3.1")]
    [InlineData("0.4.0")]
    [InlineData("1.0.0")]
    [InlineData("1.1.0")]
    public async Task A_pod_is_captured_before_ADD_returns_what_it_was_given(string version)
    {
        await using var agent = new Agent(options => options with { Proc = "/proc" });
        await using var runtime = new Runtime();
        runtime.OpenDoor(agent);
        NetworkNamespace sandbox = await agent.MakeNamespace("pod", "10.0.0.1", "fd00::1");
        agent.Mesh.Put(Made());
        string result = Runtime.ResultOf(sandbox, "10.0.0.1", "fd00::1");

        (int exit, string output) = await runtime.Call("ADD", sandbox, Made(), result, version);

        Assert.Equal(0, exit);
        Assert.Equal(result, output);
        Assert.Contains("redirect to :15001", await Agent.Rules(sandbox), StringComparison.Ordinal);
        Assert.Equal(["start pod"], agent.Proxies.Events);
        Assert.Equal("10.0.0.1 fd00::1", string.Join(' ', agent.Proxies.Sessions.Single().Workload.Addresses));
        Assert.Null(agent.Status("pod")!.Uncaptured);
        if (version != "0.3.1")
            Assert.Equal((0, ""), await runtime.Call("CHECK", sandbox, Made(), result, version));
    }

    [Fact]
    public async Task A_pod_outside_the_mesh_starts_as_it_is()
    {
        await using var agent = new Agent(options => options with { Proc = "/proc" });
        await using var runtime = new Runtime();
        runtime.OpenDoor(agent);
        NetworkNamespace sandbox = await agent.MakeNamespace("pod", "10.0.0.1");
        agent.Mesh.Put(Made() with { Enrolment = Enrolment.OptedOut });

        Assert.Equal((0, Runtime.ResultOf(sandbox, "10.0.0.1")), await runtime.Add(sandbox, Made(), "10.0.0.1"));
        Assert.Equal("", await Agent.Rules(sandbox));
    }

    [Fact]
    public async Task Without_the_agent_a_pod_that_it_might_have_to_capture_does_not_start()
    {
        await using var agent = new Agent();
        await using var runtime = new Runtime();
        NetworkNamespace sandbox = await agent.MakeNamespace("pod", "10.0.0.1");
        string result = Runtime.ResultOf(sandbox, "10.0.0.1");

        Assert.Equal(11, Runtime.ErrorIn(await runtime.Add(sandbox, Made(), "10.0.0.1")).Code);
        // An agent that has been there and is gone.
        runtime.OpenDoor(agent);
        await runtime.CloseDoor();
        Assert.Equal(11, Runtime.ErrorIn(await runtime.Add(sandbox, Made(), "10.0.0.1")).Code);

        Assert.Equal((0, result), await runtime.Add(sandbox, Made() with { Namespace = "kube-system" }, "10.0.0.1"));
        Assert.Equal((0, result), await runtime.Add(sandbox, Made() with { Namespace = "istio-system" }, "10.0.0.1"));
        Assert.Equal((0, result), await runtime.Call("ADD", sandbox, pod: null, result));
        Assert.Equal((0, ""), await runtime.Call("DEL", sandbox, Made(), result));
        Assert.Equal((0, ""), await runtime.Call("DEL", null, Made(), result));
        Assert.Equal((0, ""), await runtime.Call("DEL", sandbox, Made(), input: "nonsense"));
        Assert.Equal((0, ""), await runtime.Call("GC", null, null));
        Assert.Equal((0, ""), await runtime.Call("STATUS", null, null));
    }

    [Fact]
    public async Task A_pod_that_cannot_be_captured_does_not_start_and_says_why()
    {
        await using var agent = new Agent(options => options with { Proc = "/proc" });
        await using var runtime = new Runtime();
        runtime.OpenDoor(agent);
        NetworkNamespace sandbox = await agent.MakeNamespace("pod", "10.0.0.1");

        (int code, string message) = Runtime.ErrorIn(await runtime.Add(sandbox, Made(), "10.0.0.1"));
        Assert.Equal(11, code);
        Assert.Contains("default/pod", message, StringComparison.Ordinal);

        agent.Mesh.Put(Made());
        (code, message) = Runtime.ErrorIn(await runtime.Add(sandbox, Made(), "10.0.0.9"));
        Assert.Equal(100, code);
        Assert.Contains("AddressMismatch", message, StringComparison.Ordinal);
        Assert.Equal("", await Agent.Rules(sandbox));

        agent.Proxies.Starting = (_, _) => throw new IOException("no port left");
        (code, message) = Runtime.ErrorIn(await runtime.Add(sandbox, Made(), "10.0.0.1"));
        Assert.Equal(100, code);
        Assert.Contains("no port left", message, StringComparison.Ordinal);

        agent.Mesh.Put(Made() with { Node = "elsewhere" });
        Assert.Equal(100, Runtime.ErrorIn(await runtime.Add(sandbox, Made(), "10.0.0.1")).Code);
        Assert.Equal(100, Runtime.ErrorIn(await runtime.Call("ADD", sandbox, Made(), Runtime.ResultOf(sandbox))).Code);
    }

    [Fact]
    public async Task CHECK_says_when_a_pod_is_not_captured()
    {
        await using var agent = new Agent(options => options with { Proc = "/proc" });
        await using var runtime = new Runtime();
        runtime.OpenDoor(agent);
        NetworkNamespace sandbox = await agent.MakeNamespace("pod", "10.0.0.1");
        agent.Mesh.Put(Made());

        Assert.Equal(100, Runtime.ErrorIn(await runtime.Call("CHECK", sandbox, Made(), Runtime.ResultOf(sandbox, "10.0.0.1"))).Code);
    }

    [Theory]
    [InlineData("ADD", """{"cniVersion":"0.2.0","runDirectory":"/run"}""", 1)]
    [InlineData("ADD", """{"cniVersion":"9.0.0","runDirectory":"/run"}""", 1)]
    [InlineData("ADD", """{"cniVersion":"1.0.0","prevResult":{}}""", 7)]
    [InlineData("ADD", """{"cniVersion":"1.0.0","runDirectory":"/run"}""", 7)]
    [InlineData("ADD", """{"cniVersion":"1.0.0","runDirectory":7}""", 6)]
    [InlineData("ADD", """{"cniVersion":"1.0.0",""", 6)]
    [InlineData("ADD", "[]", 6)]
    [InlineData("CHECK", """{"cniVersion":"1.0.0","runDirectory":"/run"}""", 7)]
    [InlineData("CHECK", """{"cniVersion":"0.3.1","runDirectory":"/run","prevResult":{}}""", 1)]
    [InlineData("STATUS", """{"cniVersion":"1.1.0"}""", 7)]
    [InlineData("JUMP", """{"cniVersion":"1.0.0","runDirectory":"/run"}""", 4)]
    public async Task A_mistake_has_the_code_that_CNI_gives_it(string command, string input, int code) =>
        Assert.Equal(code, Runtime.ErrorIn(await Runtime.Call(
            input, ("CNI_COMMAND", command), ("CNI_CONTAINERID", "1"), ("CNI_IFNAME", "eth0"), ("CNI_NETNS", "/proc/self/ns/net"))).Code);

    [Theory]
    [InlineData("0.2.0")]
    [InlineData("9.0.0")]
    public async Task Whatever_the_version_pods_that_are_none_of_the_meshs_business_start(string version)
    {
        await using var agent = new Agent();
        await using var runtime = new Runtime();
        NetworkNamespace sandbox = await agent.MakeNamespace("pod", "10.0.0.1");
        string result = Runtime.ResultOf(sandbox, "10.0.0.1");

        Assert.Equal((0, result), await runtime.Call("ADD", sandbox, Made() with { Namespace = "kube-system" }, result, version));
        Assert.Equal(1, Runtime.ErrorIn(await runtime.Call("ADD", sandbox, Made(), result, version)).Code);
    }

    [Theory]
    [InlineData("CNI_CONTAINERID")]
    [InlineData("CNI_IFNAME")]
    [InlineData("CNI_NETNS")]
    public async Task A_missing_variable_is_named(string missing)
    {
        (string Name, string Value)[] all = [("CNI_COMMAND", "ADD"), ("CNI_CONTAINERID", "1"), ("CNI_IFNAME", "eth0"), ("CNI_NETNS", "/proc/self/ns/net")];
        (int code, string message) = Runtime.ErrorIn(await Runtime.Call(
            """{"cniVersion":"1.0.0","runDirectory":"/run","prevResult":{}}""", [.. all.Where(variable => variable.Name != missing)]));
        Assert.Equal(4, code);
        Assert.Contains(missing, message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task VERSION_names_what_is_supported()
    {
        (int exit, string output) = await Runtime.Call("""{"cniVersion":"0.4.0"}""", ("CNI_COMMAND", "VERSION"));
        Assert.Equal(0, exit);
        using JsonDocument versions = JsonDocument.Parse(output);
        Assert.Equal("0.4.0", versions.RootElement.GetProperty("cniVersion").GetString());
        Assert.Equal(
            "0.3.0 0.3.1 0.4.0 1.0.0 1.1.0",
            string.Join(' ', versions.RootElement.GetProperty("supportedVersions").EnumerateArray().Select(version => version.GetString())));
    }
}
