using System.Net;
using Microsoft.Extensions.Logging;
using Ztunnel.IO;
using Ztunnel.Mesh;

namespace Ztunnel.Capture;

/// <summary>
/// Keeps <see cref="NodeRules"/> in the node's namespace true to which pods are enrolled. Pods that come together are put in
/// together: a thousand cost a few runs of <c>nft</c>.
/// </summary>
internal sealed class NodeFirewall : IAsyncDisposable
{
    private readonly NetworkNamespace _node;
    private readonly CaptureOptions _options;
    private readonly Gate _gate;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Signal _signal = new();
    private readonly Lock _lock = new();
    private readonly Dictionary<string, IReadOnlyList<IPAddress>> _pods = new(StringComparer.Ordinal);
    private readonly CancellationTokenSource _stopping = new();
    private readonly NamespaceWatch _watch;
    private readonly Task _running;
    private TaskCompletionSource _applied = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private TaskCompletionSource _applying = new();
    private bool _dirty;
    private bool _complete;
    private string _rules = "";
    private (string Rules, string Listing)? _learnt;
    private uint? _generation;
    private long _lookedAt;

    public NodeFirewall(NetworkNamespace node, CaptureOptions options, EventLoop loop, Gate gate, TimeProvider time, ILogger logger)
    {
        _node = node;
        _options = options;
        _gate = gate;
        _time = time;
        _logger = logger;
        _watch = NamespaceWatch.Start(loop, node, _signal.Set);
        _applying.SetResult();
        _running = Task.Run(Run);
    }

    /// <summary>Has the rules hold for a pod from now on; <see cref="Applied"/> tells when they do.</summary>
    public void Put(Workload pod)
    {
        lock (_lock)
        {
            if (_pods.TryGetValue(pod.Uid, out IReadOnlyList<IPAddress>? before) && before.SequenceEqual(pod.Addresses))
                return;
            _pods[pod.Uid] = [.. pod.Addresses];
            _dirty = true;
        }

        _signal.Set();
    }

    /// <summary>Has the rules not hold for a pod any more.</summary>
    public void Remove(string uid)
    {
        lock (_lock)
            _dirty |= _pods.Remove(uid);
        _signal.Set();
    }

    /// <summary>From now on what is there and was not put is an earlier agent's leavings, and goes.</summary>
    public void Complete()
    {
        lock (_lock)
            _dirty = _complete = true;
        _signal.Set();
    }

    /// <summary>Waits until all that was put is in place. Throws <see cref="EnrolmentException"/> when that was refused; it is tried again.</summary>
    public async Task Applied(CancellationToken cancellationToken)
    {
        Task applied;
        lock (_lock)
            applied = _dirty ? _applied.Task : _applying.Task;
        await applied.WaitAsync(cancellationToken);
    }

    /// <summary>Takes the rules away, for good.</summary>
    public async Task RemoveAll(CancellationToken cancellationToken)
    {
        await DisposeAsync();
        await Nft.Apply(_node, NodeRules.Remove, cancellationToken);
    }

    /// <summary>Stops; what is in place stays, so that probes get through while no agent is there. Idempotent.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_stopping.IsCancellationRequested)
            return;
        await _stopping.CancelAsync();
        await _running;
        _watch.Dispose();
        _applied.TrySetCanceled();
        _stopping.Dispose();
    }

    private async Task Run()
    {
        while (!_stopping.IsCancellationRequested)
        {
            TimeSpan rest = Timeout.InfiniteTimeSpan;
            try
            {
                using (await _gate.Enter(_stopping.Token))
                    rest = await Step();
                await _signal.Wait(rest, _time, _stopping.Token);
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    private async Task<TimeSpan> Step()
    {
        TaskCompletionSource? waiting = null;
        try
        {
            if (Begin() is not { } applying)
                return await Look();
            waiting = applying;
            _generation = await Nft.Apply(_node, _rules, _stopping.Token);
            waiting.TrySetResult();
            return Timeout.InfiniteTimeSpan;
        }
        catch (EnrolmentException failure)
        {
            lock (_lock)
                _dirty = true;
            CaptureLog.NodeRulesFailed(_logger, failure.Message);
            waiting?.TrySetException(failure);
            _ = waiting?.Task.Exception;
            return _options.LastRetry;
        }
    }

    /// <summary>Writes down what is to be applied; null when all of it has been. Returns who waits for it.</summary>
    private TaskCompletionSource? Begin()
    {
        lock (_lock)
        {
            if (!_dirty)
                return null;
            _dirty = false;
            _rules = NodeRules.Install(_pods.Values.SelectMany(addresses => addresses), _complete);
            _applying = _applied;
            _applied = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return _applying;
        }
    }

    /// <summary>Looks whether someone changed the rules, not too often: others change theirs all the time on a node.</summary>
    private async Task<TimeSpan> Look()
    {
        if (_rules.Length == 0 || _generation == Nft.Generation(_node))
            return Timeout.InfiniteTimeSpan;
        TimeSpan early = _options.LookInterval - _time.GetElapsedTime(_lookedAt);
        if (early > TimeSpan.Zero)
            return early;
        _lookedAt = _time.GetTimestamp();
        uint looked = Nft.Generation(_node);
        string? difference = await Difference();
        if (difference is not null)
            CaptureLog.NodeRulesRepaired(_logger, difference);
        _generation = difference is null ? looked : await Nft.Apply(_node, _rules, _stopping.Token);
        return Timeout.InfiniteTimeSpan;
    }

    private async Task<string?> Difference()
    {
        if (_learnt?.Rules != _rules)
            _learnt = (_rules, await Nft.Learn(_rules, NodeRules.Table, _stopping.Token));
        ProcessResult actual = await Nft.List(_node, NodeRules.Table, _stopping.Token);
        return PodRules.Difference(_learnt.Value.Listing, actual.ExitCode == 0 ? actual.Output : "", NodeRules.Table);
    }
}
