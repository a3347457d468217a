using System.Collections.Immutable;
using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;
using System.Threading.Channels;
using Ztunnel.Lab;

namespace Ztunnel.Testing.Cluster;

/// <summary>One pod on a node, from its binding until it is gone: sandbox, network, containers, status, end.</summary>
internal sealed class PodRun : IDisposable
{
    private static readonly TimeSpan Again = TimeSpan.FromMilliseconds(250), RefreshEvery = TimeSpan.FromSeconds(1);

    private readonly CancellationTokenSource _ending = new();
    private readonly Channel<bool> _news = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private readonly PodVolumes _volumes;
    private readonly Kubelet _kubelet;
    private readonly ClusterApi _api;
    private readonly ClusterCache _cache;
    private readonly ClusterObject _first;
    private readonly string _directory;
    private readonly string _began = DateTimeOffset.UtcNow.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
    private volatile ClusterObject _pod;
    private volatile bool _abandoned;
    private LabPod? _sandbox;
    private LabProcess? _pause;
    private CniAttachment? _attachment;
    private readonly ImmutableArray<ContainerRun> _init, _containers;
    private string _trouble = "";

    public PodRun(Kubelet kubelet, ClusterApi api, ClusterCache cache, ClusterObject pod)
    {
        _kubelet = kubelet;
        _api = api;
        _cache = cache;
        _first = _pod = pod;
        _directory = Path.Combine(kubelet.Options.Directory, "pods", pod.Uid);
        _volumes = new PodVolumes(api, _directory, kubelet.NodeFiles, pod);
        Cgroup = PodCgroup.Create(kubelet.Options.Cgroup, pod.Uid);
        _init = Make("initContainers", init: true);
        _containers = Make("containers", init: false);
    }

    public ClusterObject Pod => _pod;

    public PodCgroup Cgroup { get; }

    public LabNode Node => _kubelet.Node;

    /// <summary>Its namespace in the lab; null with the node's network, or before it has one.</summary>
    public LabPod? Sandbox => _sandbox;

    public ImmutableArray<ContainerRun> Containers => _containers;

    public IPAddress Address => _sandbox?.IPv4 ?? _kubelet.Node.IPv4;

    private bool OnHostNetwork => _first.Spec?["hostNetwork"]?.GetValue<bool>() == true;

    private LabHost Host => OnHostNetwork ? _kubelet.Node : _sandbox!;

    /// <summary>Takes note of a later version of the pod.</summary>
    public void Update(ClusterObject pod)
    {
        _pod = pod;
        if (pod.Leaving && !_ending.IsCancellationRequested)
            _ending.Cancel();
    }

    /// <summary>Ends it at once; the API server knows nothing of it any more, or is not to.</summary>
    public void Abandon()
    {
        _abandoned = true;
        if (!_ending.IsCancellationRequested)
            _ending.Cancel();
    }

    /// <summary>Says that its status is another.</summary>
    public void Tell() => _news.Writer.TryWrite(true);

    public async Task Run()
    {
        using var over = new CancellationTokenSource();
        Task status = WriteStatus(over.Token), refresh = RefreshVolumes(over.Token);
        try
        {
            if (_pod.Leaving)
                await _ending.CancelAsync();
            await MakeSandbox();
            // Containers may ask for the pod's address in their environment.
            while (!await Publish(_ending.Token))
                await Task.Delay(Again, _ending.Token);
            foreach (ContainerRun each in _init)
                await each.Run(_ending.Token);
            await Task.WhenAll(_containers.Select(each => each.Run(_ending.Token)));
            await Task.Delay(Timeout.Infinite, _ending.Token).ContinueWith(static _ => { }, TaskScheduler.Default);
        }
        catch (OperationCanceledException) when (_ending.IsCancellationRequested)
        {
            // It is to end before it ran.
        }

        await Terminate();
        await over.CancelAsync();
        await Task.WhenAll(status, refresh);
    }

    public void Dispose() => _ending.Dispose();

    /// <summary>Starts a container's program with its files, environment and control group.</summary>
    public async Task<LabProcess> Start(JsonNode container)
    {
        if (_kubelet.Options.Images.CommandOf(container) is not { IsEmpty: false } command)
            throw new LabException($"there is no image {container["image"]}");
        ImmutableDictionary<string, string> environment = _kubelet.Options.Environment
            .SetItem("HOSTNAME", OnHostNetwork ? _kubelet.Node.Name : _first.Name)
            .SetItem("KUBERNETES_SERVICE_HOST", $"{_kubelet.Options.ApiServer.Address}")
            .SetItem("KUBERNETES_SERVICE_PORT", _kubelet.Options.ApiServer.Port.ToString(CultureInfo.InvariantCulture))
            .SetItems(ContainerEnvironment.Of(_pod, container));
        var wanted = new LabCommand(ContainerEnvironment.Expand(command[0], environment), [.. command.Skip(1).Select(each => ContainerEnvironment.Expand(each, environment))])
        {
            Environment = environment,
            WorkingDirectory = ClusterObject.Text(container["workingDir"]) is { Length: > 0 } work ? work : null,
        };
        IReadOnlyList<(string, string)> mounts = await MountsOf(container);
        return await Host.Start(ContainerRoot.Wrap(
            wanted, Cgroup.ProcessesOf(ClusterObject.Text(container["name"])), _kubelet.Layer, mounts,
            ContainerSecurity.Of(_pod, container), ownMounts: !OnHostNetwork));
    }

    private async Task<IReadOnlyList<(string Source, string Target)>> MountsOf(JsonNode container)
    {
        List<(string, string)> mounts = [];
        Dictionary<string, JsonNode> volumes = (_first.Spec!["volumes"]?.AsArray() ?? [])
            .ToDictionary(volume => ClusterObject.Text(volume!["name"]), volume => volume!, StringComparer.Ordinal);
        if (_first.Spec!["automountServiceAccountToken"]?.GetValue<bool>() != false)
            mounts.Add((await ServiceAccount(), "/var/run/secrets/kubernetes.io/serviceaccount"));
        foreach (JsonNode? mount in container["volumeMounts"]?.AsArray() ?? [])
        {
            string source = await _volumes.PathOf(volumes[ClusterObject.Text(mount!["name"])], _ending.Token);
            mounts.Add((Path.Combine(source, ClusterObject.Text(mount["subPath"])), ClusterObject.Text(mount["mountPath"])));
        }

        if (!OnHostNetwork || ClusterObject.Text(_first.Spec!["dnsPolicy"]) == "ClusterFirstWithHostNet")
            mounts.Add((ResolvConf(), "/etc/resolv.conf"));
        // The shortest first: one may lie within another.
        return [.. mounts.OrderBy(mount => mount.Item2.Length)];
    }

    private async Task<string> ServiceAccount()
    {
        string directory = Directory.CreateDirectory(Path.Combine(_directory, ".account")).FullName;
        if (!File.Exists(Path.Combine(directory, "token")))
        {
            await File.WriteAllTextAsync(Path.Combine(directory, "ca.crt"), _kubelet.Options.ApiServerRoot);
            await File.WriteAllTextAsync(Path.Combine(directory, "namespace"), _first.Namespace);
            await File.WriteAllTextAsync(Path.Combine(directory, "token"), await _volumes.TokenFor("", _ending.Token));
        }

        return directory;
    }

    private string ResolvConf()
    {
        string file = Path.Combine(Directory.CreateDirectory(_directory).FullName, ".resolv.conf");
        File.WriteAllText(file, $"""
            nameserver {_kubelet.Options.Dns}
            search {_first.Namespace}.svc.cluster.local svc.cluster.local cluster.local
            options ndots:5

            """);
        return file;
    }

    private async Task MakeSandbox()
    {
        while (!OnHostNetwork && !_ending.IsCancellationRequested)
        {
            try
            {
                _sandbox = await _kubelet.Network.AddPod(_kubelet.Node.Name, _first.Name, _first.Namespace, _first.Uid, CancellationToken.None);
                _attachment = await _kubelet.Cni.Add(_sandbox, _first.Uid, CancellationToken.None);
                await SetSysctls(_sandbox);
                _pause = await _sandbox.Start("sh", "-c", "echo 0 > \"$0\" && exec sleep infinity", Cgroup.ProcessesOf("sandbox"));
                _trouble = "";
                return;
            }
            catch (LabException exception)
            {
                _trouble = $"Failed to create pod sandbox: {exception.Message}";
                Tell();
                if (_sandbox is not null)
                    await _kubelet.Network.RemovePod(_sandbox);
                _sandbox = null;
                await Task.Delay(Again, _ending.Token);
            }
        }
    }

    private async Task SetSysctls(LabPod sandbox)
    {
        foreach (JsonNode? each in _first.Spec!["securityContext"]?["sysctls"]?.AsArray() ?? [])
            await sandbox.Exec("sysctl", "-q", "-w", $"{each!["name"]}={each["value"]}");
    }

    private ImmutableArray<ContainerRun> Make(string field, bool init) =>
        [.. (_first.Spec![field]?.AsArray() ?? []).Select(container => new ContainerRun(this, container!, init))];

    private async Task Terminate()
    {
        TimeSpan grace = _abandoned ? TimeSpan.Zero : TimeSpan.FromSeconds(_pod.Metadata["deletionGracePeriodSeconds"]?.GetValue<int>() ?? 0);
        await Task.WhenAll(_init.Concat(_containers).Select(each => each.Terminate(grace)));
        if (_pause is not null)
            await _pause.DisposeAsync();
        if (_attachment is not null && !_abandoned)
            await DeleteAttachment(_attachment);
        if (_sandbox is not null)
            await _kubelet.Network.RemovePod(_sandbox);
        Cgroup.Dispose();
        if (!_abandoned)
            await Confirm();
    }

    /// <summary>A plugin that cannot be asked must not keep a pod from going for ever.</summary>
    private async Task DeleteAttachment(CniAttachment attachment)
    {
        for (int tries = 0; tries < 5; tries++)
        {
            try
            {
                await _kubelet.Cni.Delete(attachment, CancellationToken.None);
                return;
            }
            catch (LabException)
            {
                await Task.Delay(Again);
            }
        }
    }

    /// <summary>Tells the API server that the pod has ended, which takes it away for good.</summary>
    private async Task Confirm()
    {
        while (!_abandoned)
        {
            try
            {
                await _api.Delete(ClusterKind.Pods.Named(_first.Namespace, _first.Name), _first.Uid, 0, CancellationToken.None);
                _cache.Remove(ClusterKind.Pods, _first);
                return;
            }
            catch (ClusterApiException gone) when (gone.IsRace)
            {
                return;
            }
            catch (Exception exception) when (exception is HttpRequestException or IOException or ClusterApiException)
            {
                await Task.Delay(Again);
            }
        }
    }

    private async Task RefreshVolumes(CancellationToken over)
    {
        using var timer = new PeriodicTimer(RefreshEvery);
        try
        {
            while (await timer.WaitForNextTickAsync(over))
            {
                try
                {
                    await _volumes.Refresh(over);
                }
                catch (Exception exception) when (exception is HttpRequestException or IOException or ClusterApiException)
                {
                    // Next time.
                }
            }
        }
        catch (OperationCanceledException)
        {
            // It has ended.
        }
    }

    private async Task WriteStatus(CancellationToken over)
    {
        try
        {
            await foreach (bool _ in _news.Reader.ReadAllAsync(over))
            {
                if (await Publish(over))
                    continue;
                await Task.Delay(Again, over);
                Tell();
            }
        }
        catch (OperationCanceledException)
        {
            // It has ended.
        }
    }

    /// <summary>Writes the status there is now. Returns whether there is nothing left to write.</summary>
    private async Task<bool> Publish(CancellationToken cancellationToken)
    {
        try
        {
            if (_abandoned)
                return true;
            JsonObject written = await _api.Patch(
                ClusterKind.Pods.Named(_first.Namespace, _first.Name, "status"),
                new JsonObject { ["metadata"] = new JsonObject { ["uid"] = _first.Uid }, ["status"] = Status() },
                cancellationToken);
            _pod = new ClusterObject(written);
            _cache.Put(ClusterKind.Pods, written);
            return true;
        }
        catch (ClusterApiException gone) when (gone.IsRace)
        {
            // Deleted, or another of its name by now.
            return true;
        }
        catch (Exception exception) when (exception is HttpRequestException or IOException or ClusterApiException)
        {
            return false;
        }
    }

    private JsonObject Status()
    {
        bool initialized = _init.All(each => each.Ended == 0);
        bool ready = initialized && _containers.All(each => each.IsReady);
        bool ended = _containers.All(each => each.Ended is not null);
        var status = new JsonObject
        {
            ["phase"] = ended ? (_containers.All(each => each.Ended == 0) ? "Succeeded" : "Failed")
                : initialized && _containers.Any(each => each.IsRunning) ? "Running" : "Pending",
            ["startTime"] = _began,
            ["hostIP"] = $"{_kubelet.Node.IPv4}",
            ["message"] = _trouble.Length == 0 ? null : _trouble,
            ["conditions"] = new JsonArray
            {
                PodTemplate.Condition("PodScheduled", met: true, ""),
                PodTemplate.Condition("Initialized", initialized, ""),
                PodTemplate.Condition("ContainersReady", ready, ready ? "" : "ContainersNotReady"),
                PodTemplate.Condition("Ready", ready, ready ? "" : "ContainersNotReady"),
            },
            ["initContainerStatuses"] = new JsonArray([.. _init.Select(each => each.ToStatus())]),
            ["containerStatuses"] = new JsonArray([.. _containers.Select(each => each.ToStatus())]),
        };
        if (OnHostNetwork || _sandbox is not null)
        {
            status["podIP"] = $"{Address}";
            status["podIPs"] = new JsonArray([.. Host.Addresses.Select(address => new JsonObject { ["ip"] = $"{address}" })]);
        }

        return status;
    }
}
