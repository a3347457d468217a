using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using Ztunnel.IO;
using Ztunnel.Lab;

namespace Ztunnel.Testing.Cluster;

/// <summary>One container of a pod: its process, started again when it ends, and what its probes say.</summary>
internal sealed class ContainerRun(PodRun pod, JsonNode container, bool init)
{
    /// <summary>How often a container that was never ready is asked. The real kubelet keeps to <c>periodSeconds</c>; a test would only wait.</summary>
    private static readonly TimeSpan Eager = TimeSpan.FromMilliseconds(200);

    private LabProcess? _process;
    private string _began = "";
    private JsonObject _state = Waiting("ContainerCreating", "");
    private int _restarts;

    public string Name { get; } = ClusterObject.Text(container["name"]);

    public bool IsReady { get; private set; }

    public bool IsStarted { get; private set; }

    /// <summary>The code it ended with for good, or null.</summary>
    public int? Ended { get; private set; }

    public bool IsRunning => _process is { HasExited: false };

    /// <summary>What it has written since it was last started.</summary>
    public string Output => _process is { } process ? process.Output + process.Error : "";

    /// <summary>The machine's id of its first process; throws where it does not run.</summary>
    public int ProcessId => pod.Cgroup.Members(Name) is [int first, ..] ? first : throw new LabException($"container {Name} of {pod.Pod} does not run");

    /// <summary>Runs it, again and again unless the pod's restart policy says otherwise, until the pod is to end.</summary>
    public async Task Run(CancellationToken ending)
    {
        while (!ending.IsCancellationRequested)
        {
            try
            {
                _process = await pod.Start(container);
            }
            catch (Exception exception) when (exception is LabException or ClusterApiException or HttpRequestException or IOException)
            {
                Become(Waiting("CreateContainerError", exception.Message));
                await Wait(TimeSpan.FromMilliseconds(500), ending);
                continue;
            }

            _began = Now();
            Become(new JsonObject { ["running"] = new JsonObject { ["startedAt"] = _began } });
            int? code = await UntilItEnds(_process, ending);
            if (code is null)
                return;
            IsReady = IsStarted = false;
            if (!IsToRunAgain(code.Value))
            {
                Ended = code;
                Become(new JsonObject { ["terminated"] = Termination(code.Value) });
                return;
            }

            _restarts++;
            Become(Waiting("CrashLoopBackOff", $"exit code {code}: {Output}"));
            await Wait(TimeSpan.FromMilliseconds(Math.Min(5000, 100 << Math.Min(_restarts, 6))), ending);
        }
    }

    /// <summary>Runs a command in it, with its files, network and processes.</summary>
    public Task<ProcessResult> Exec(LabCommand command) => pod.Node.Exec(command with
    {
        File = "nsenter",
        Arguments =
        [
            "--target", ProcessId.ToString(CultureInfo.InvariantCulture), "--net", "--mount", "--pid", "--uts", "--root", "--wd", "--",
            command.File, .. command.Arguments,
        ],
    });

    /// <summary>Asks it to end, and ends it after <paramref name="grace"/>.</summary>
    public async Task Terminate(TimeSpan grace)
    {
        if (_process is not { } process)
            return;
        if (grace > TimeSpan.Zero && !process.HasExited)
        {
            if (pod.Cgroup.Members(Name) is [int first, ..])
            {
                using Process kill = Process.Start("kill", ["-s", "TERM", first.ToString(CultureInfo.InvariantCulture)]);
                await kill.WaitForExitAsync();
            }

            using var patience = new CancellationTokenSource(grace);
            await process.WaitForExit(patience.Token).ContinueWith(static _ => { }, TaskScheduler.Default);
        }

        await process.DisposeAsync();
    }

    /// <summary>Its entry in the pod's status.</summary>
    public JsonObject ToStatus() => new()
    {
        ["name"] = Name,
        ["image"] = ClusterObject.Text(container["image"]),
        ["imageID"] = "",
        ["containerID"] = $"lab://{pod.Pod.Uid}/{Name}",
        ["ready"] = IsReady || (init && Ended == 0),
        ["started"] = IsStarted,
        ["restartCount"] = _restarts,
        ["state"] = _state.DeepClone(),
    };

    private async Task<int?> UntilItEnds(LabProcess process, CancellationToken ending)
    {
        using var probing = CancellationTokenSource.CreateLinkedTokenSource(ending);
        Task probes = init ? Task.CompletedTask : Watch(probing.Token);
        try
        {
            return (await process.WaitForExit(ending)).ExitCode;
        }
        catch (OperationCanceledException)
        {
            return null;
        }
        finally
        {
            await probing.CancelAsync();
            await probes;
        }
    }

    private async Task Watch(CancellationToken cancellationToken)
    {
        try
        {
            while (!await Succeeds("startupProbe", cancellationToken))
                await Task.Delay(Eager, cancellationToken);
            IsStarted = true;
            int failures = 0;
            int threshold = container["readinessProbe"]?["failureThreshold"]?.GetValue<int>() ?? 3;
            while (true)
            {
                bool well = await Succeeds("readinessProbe", cancellationToken);
                failures = well ? 0 : failures + 1;
                bool ready = well || (IsReady && failures < threshold);
                if (ready != IsReady)
                {
                    IsReady = ready;
                    pod.Tell();
                }

                if (container["readinessProbe"] is null)
                    return;
                await Task.Delay(IsReady ? TimeSpan.FromSeconds(1) : Eager, cancellationToken);
            }
        }
        catch (OperationCanceledException)
        {
            // It ended.
        }
    }

    private Task<bool> Succeeds(string probe, CancellationToken cancellationToken) =>
        Probe.Succeeds(container[probe], container, pod.Address, pod.Node, Exec, cancellationToken);

    private bool IsToRunAgain(int code) => (ClusterObject.Text(pod.Pod.Spec?["restartPolicy"]), init) switch
    {
        ("Never", _) => false,
        ("OnFailure", _) or (_, true) => code != 0,
        _ => true,
    };

    private void Become(JsonObject state)
    {
        _state = state;
        pod.Tell();
    }

    private JsonObject Termination(int code) => new()
    {
        ["exitCode"] = code,
        ["reason"] = code == 0 ? "Completed" : "Error",
        ["startedAt"] = _began,
        ["finishedAt"] = Now(),
        ["message"] = Output.Length > 400 ? Output[^400..] : Output,
    };

    private static JsonObject Waiting(string reason, string message) =>
        new() { ["waiting"] = new JsonObject { ["reason"] = reason, ["message"] = message.Length > 1000 ? message[^1000..] : message } };

    private static string Now() => DateTimeOffset.UtcNow.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    private static Task Wait(TimeSpan time, CancellationToken ending) =>
        Task.Delay(time, ending).ContinueWith(static _ => { }, TaskScheduler.Default);
}
