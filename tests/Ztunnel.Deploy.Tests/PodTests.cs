using System.Globalization;
using System.Text.Json.Nodes;

namespace Ztunnel.Deploy.Tests;

/// <summary>What every pod of the chart has, whatever the values.</summary>
public sealed class PodTests
{
    [Theory]
    [MemberData(nameof(ExampleValues.All), MemberType = typeof(ExampleValues))]
    public async Task Every_container_has_resources_probes_and_as_few_privileges_as_it_needs(string name, string values)
    {
        (string Owner, JsonNode Spec)[] pods = [.. Chart.Objects(await Chart.Render(values)).Pods()];

        Assert.Equal(name == nameof(ExampleValues.EverythingOff) ? 1 : 2, pods.Length);
        foreach ((string owner, JsonNode pod) in pods)
        {
            Assert.NotNull(pod["priorityClassName"]);
            Assert.NotNull(pod["serviceAccountName"]);
            foreach (JsonNode? container in pod["containers"]!.AsArray())
            {
                Assert.True(container!["resources"]?["requests"]?["cpu"] is not null, owner);
                Assert.True(container["resources"]?["requests"]?["memory"] is not null, owner);
                Assert.True(container["resources"]?["limits"]?["memory"] is not null, owner);
                foreach (string probe in (string[])["startupProbe", "readinessProbe", "livenessProbe"])
                    Assert.True(container[probe] is not null, $"{owner}: {probe}");
                JsonNode security = container["securityContext"]!;
                Assert.False((bool)security["privileged"]!);
                Assert.False((bool)security["allowPrivilegeEscalation"]!);
                Assert.True((bool)security["readOnlyRootFilesystem"]!);
                Assert.Equal(["ALL"], Strings(security["capabilities"]!["drop"]));
                JsonNode? seccomp = security["seccompProfile"] ?? pod["securityContext"]?["seccompProfile"];
                Assert.Equal("RuntimeDefault", (string?)seccomp?["type"]);
            }
        }
    }

    [Fact]
    public async Task Only_the_agent_of_a_node_has_capabilities_and_the_nodes_namespaces()
    {
        IReadOnlyList<JsonNode> objects = Chart.Objects(await Chart.Render());
        JsonNode node = objects.Object("DaemonSet", "ztunnel")["spec"]!["template"]!["spec"]!;
        JsonNode controller = objects.Object("Deployment", "ztunnel-controller")["spec"]!["template"]!["spec"]!;

        Assert.Equal(["DAC_OVERRIDE", "NET_ADMIN", "SYS_ADMIN", "SYS_PTRACE"], Capabilities(node));
        Assert.True((bool)node["hostNetwork"]!);
        Assert.True((bool)node["hostPID"]!);
        Assert.Empty(Capabilities(controller));
        Assert.Null(controller["hostNetwork"]);
        Assert.Null(controller["hostPID"]);
        Assert.True((bool)controller["securityContext"]!["runAsNonRoot"]!);
        Assert.DoesNotContain(controller["volumes"]?.AsArray() ?? [], volume => volume!["hostPath"] is not null);
    }

    [Fact]
    public async Task Files_of_other_users_are_only_for_an_agent_that_installs_the_plugin()
    {
        JsonNode node = Chart.Objects(await Chart.Render("cni: {enabled: false}")).Object("DaemonSet", "ztunnel")["spec"]!["template"]!["spec"]!;

        Assert.Equal(["NET_ADMIN", "SYS_ADMIN", "SYS_PTRACE"], Capabilities(node));
    }

    [Theory]
    [MemberData(nameof(ExampleValues.All), MemberType = typeof(ExampleValues))]
    public async Task Two_agents_fit_on_a_node_while_one_takes_over_from_the_other(string name, string values)
    {
        JsonNode daemonSet = Chart.Objects(await Chart.Render(values)).Object("DaemonSet", "ztunnel");
        JsonNode container = daemonSet["spec"]!["template"]!["spec"]!["containers"]![0]!;

        Assert.Equal(0, (int)daemonSet["spec"]!["updateStrategy"]!["rollingUpdate"]!["maxUnavailable"]!);
        Assert.Equal(name == nameof(ExampleValues.EverythingOn) ? "25%" : "1", daemonSet["spec"]!["updateStrategy"]!["rollingUpdate"]!["maxSurge"]!.ToString());
        // A port of a pod on the node's network is a host port, and the scheduler keeps a second such pod from the node.
        Assert.Null(container["ports"]);
        // What is asked over the node's network may be answered by the agent before: whether this one serves, only a file of its own says.
        string readyFile = Assert.Single(Strings(container["args"]), argument => argument.StartsWith("--ready-file=", StringComparison.Ordinal))["--ready-file=".Length..];
        Assert.Equal(["test", "-e", readyFile], Strings(container["startupProbe"]!["exec"]!["command"]));
        Assert.Contains(Strings(container["args"]), argument => argument == "--wait-when-succeeded");
    }

    [Fact]
    public async Task A_pod_is_given_longer_than_its_agent_drains()
    {
        JsonNode node = Chart.Objects(await Chart.Render("node: {drainSeconds: 3600}")).Object("DaemonSet", "ztunnel")["spec"]!["template"]!["spec"]!;

        Assert.Contains(Strings(node["containers"]![0]!["args"]), argument => argument == "--drain-seconds=3600");
        Assert.True((int)node["terminationGracePeriodSeconds"]! > 3600);
    }

    [Fact]
    public async Task A_volume_is_mounted_and_a_mount_has_a_volume()
    {
        foreach (string values in (string[])[ExampleValues.Defaults, ExampleValues.EverythingOff])
        {
            foreach ((string owner, JsonNode pod) in Chart.Objects(await Chart.Render(values)).Pods())
            {
                IEnumerable<string> volumes = (pod["volumes"]?.AsArray() ?? []).Select(volume => (string)volume!["name"]!).Order(StringComparer.Ordinal);
                IEnumerable<string> mounts = pod["containers"]!.AsArray()
                    .SelectMany(container => container!["volumeMounts"]?.AsArray() ?? [])
                    .Select(mount => (string)mount!["name"]!)
                    .Order(StringComparer.Ordinal);
                Assert.True(volumes.SequenceEqual(mounts, StringComparer.Ordinal), owner);
            }
        }
    }

    [Theory]
    [InlineData("v1.29.3", false)]
    [InlineData("v1.30.0", true)]
    [InlineData("v1.31.0-eks-1", true)]
    public async Task AppArmor_is_said_in_the_words_that_the_cluster_knows(string version, bool field)
    {
        JsonNode template = Chart.Objects(await Chart.Render(kubeVersion: version)).Object("DaemonSet", "ztunnel")["spec"]!["template"]!;

        Assert.Equal(field, template["spec"]!["containers"]![0]!["securityContext"]!["appArmorProfile"] is not null);
        Assert.Equal(!field, template["metadata"]!["annotations"]!["container.apparmor.security.beta.kubernetes.io/ztunnel"] is not null);
    }

    [Fact]
    public async Task A_budget_is_only_for_replicas_that_can_be_spared()
    {
        Assert.DoesNotContain(Chart.Objects(await Chart.Render("controller: {replicas: 1}")), each => (string?)each["kind"] == "PodDisruptionBudget");
        IReadOnlyList<JsonNode> objects = Chart.Objects(await Chart.Render());
        int replicas = (int)objects.Object("Deployment", "ztunnel-controller")["spec"]!["replicas"]!;
        int kept = (int)objects.Object("PodDisruptionBudget", "ztunnel-controller")["spec"]!["minAvailable"]!;

        Assert.True(kept > 0 && kept < replicas, string.Create(CultureInfo.InvariantCulture, $"{kept} of {replicas}"));
    }

    [Fact]
    public async Task What_is_selected_has_the_labels()
    {
        foreach (JsonNode each in Chart.Objects(await Chart.Render("podMonitor: {enabled: true}")))
        {
            JsonNode? selector = each["spec"]?["selector"];
            JsonObject? labels = (selector?["matchLabels"] ?? selector)?.AsObject();
            if (labels is null)
                continue;
            Assert.Contains(
                Chart.Objects(await Chart.Render()).Where(owner => owner["spec"]?["template"] is not null),
                owner => labels.All(label => (string?)owner["spec"]!["template"]!["metadata"]!["labels"]![label.Key] == (string?)label.Value));
        }
    }

    private static string[] Capabilities(JsonNode pod) =>
    [
        .. pod["containers"]!.AsArray().SelectMany(container => Strings(container!["securityContext"]!["capabilities"]!["add"])).Order(StringComparer.Ordinal),
    ];

    private static string[] Strings(JsonNode? array) => [.. (array?.AsArray() ?? []).Select(each => (string)each!)];
}
