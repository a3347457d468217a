using System.Text.Json;

namespace Ztunnel.Testing.Api;

/// <summary>The columns of pods, with the words the real server has for a pod's state.</summary>
internal static class PodColumns
{
    /// <summary>All of them, in order.</summary>
    public static IEnumerable<TableColumn> All =>
    [
        TableColumn.ObjectName,
        new("Ready", Ready),
        new("Status", Status),
        new("Restarts", Restarts),
        TableColumn.Age,
        new("IP", value => OrNone(Address(value)), 1),
        new("Node", value => OrNone(JsonPath.Text(value, "spec.nodeName")), 1),
        new("Nominated Node", value => OrNone(JsonPath.Text(value, "status.nominatedNodeName")), 1),
        new("Readiness Gates", value => ReadinessGates(value), 1),
    ];

    private static string OrNone(string text) => text.Length == 0 ? "<none>" : text;

    // The first of the addresses; the single field is what older kubelets wrote.
    private static string Address(JsonElement pod)
    {
        string first = JsonPath.Text(pod, "status.podIPs[0].ip");
        return first.Length > 0 ? first : JsonPath.Text(pod, "status.podIP");
    }

    private static string Ready(JsonElement pod)
    {
        int ready = JsonPath.Items(pod, "status.containerStatuses").Count(status => JsonPath.Text(status, "ready") == "True");
        return $"{ready}/{JsonPath.Items(pod, "spec.containers").Count()}";
    }

    private static string Restarts(JsonElement pod) =>
        $"{JsonPath.Items(pod, "status.containerStatuses").Sum(status => JsonPath.Number(status, "restartCount"))}";

    private static string Status(JsonElement pod)
    {
        string status = JsonPath.Text(pod, "status.reason") is { Length: > 0 } reason ? reason : JsonPath.Text(pod, "status.phase");
        if (JsonPath.Text(pod, "status.conditions[PodScheduled].reason") == "SchedulingGated")
            status = "SchedulingGated";
        (bool initializing, string init) = Initialization(pod);
        status = initializing ? init : Containers(pod, status);
        if (JsonPath.Find(pod, "metadata.deletionTimestamp") is null)
            return status;
        if (JsonPath.Text(pod, "status.reason") == "NodeLost")
            return "Unknown";
        return JsonPath.Text(pod, "status.phase") is "Succeeded" or "Failed" ? status : "Terminating";
    }

    private static (bool Initializing, string Status) Initialization(JsonElement pod)
    {
        int total = JsonPath.Items(pod, "spec.initContainers").Count(), index = 0;
        foreach (JsonElement container in JsonPath.Items(pod, "status.initContainerStatuses"))
        {
            string terminated = JsonPath.Text(container, "state.terminated.reason");
            bool ended = JsonPath.Find(container, "state.terminated") is not null;
            if (!(ended && JsonPath.Number(container, "state.terminated.exitCode") == 0))
            {
                string waiting = JsonPath.Text(container, "state.waiting.reason");
                if (ended)
                    return (true, "Init:" + (terminated.Length > 0 ? terminated : $"ExitCode:{JsonPath.Number(container, "state.terminated.exitCode")}"));
                return (true, waiting is { Length: > 0 } and not "PodInitializing" ? $"Init:{waiting}" : $"Init:{index}/{total}");
            }

            index++;
        }

        return (false, "");
    }

    private static string Containers(JsonElement pod, string status)
    {
        bool running = false;
        foreach (JsonElement container in JsonPath.Items(pod, "status.containerStatuses").Reverse())
        {
            if (JsonPath.Text(container, "state.waiting.reason") is { Length: > 0 } waiting)
                status = waiting;
            else if (JsonPath.Find(container, "state.terminated") is { } terminated)
                status = JsonPath.Text(terminated, "reason") is { Length: > 0 } reason ? reason : $"ExitCode:{JsonPath.Number(terminated, "exitCode")}";
            else if (JsonPath.Text(container, "ready") == "True" && JsonPath.Find(container, "state.running") is not null)
                running = true;
        }

        // A pod of which one container has completed and another runs is not completed.
        if (status == "Completed" && running)
            return JsonPath.Text(pod, "status.conditions[Ready].status") == "True" ? "Running" : "NotReady";
        return status;
    }

    private static string ReadinessGates(JsonElement pod)
    {
        string[] gates = [.. JsonPath.Items(pod, "spec.readinessGates").Select(gate => JsonPath.Text(gate, "conditionType"))];
        int met = JsonPath.Items(pod, "status.conditions")
            .Count(condition => gates.Contains(JsonPath.Text(condition, "type")) && JsonPath.Text(condition, "status") == "True");
        return gates.Length == 0 ? "<none>" : $"{met}/{gates.Length}";
    }
}
