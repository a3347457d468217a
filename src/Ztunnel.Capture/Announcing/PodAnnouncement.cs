using Microsoft.Extensions.Logging;
using Ztunnel.IO;
using Ztunnel.Mesh;

namespace Ztunnel.Capture;

/// <summary>What is written on one pod, brought to what was asked for last, however long the cluster's API takes.</summary>
internal sealed class PodAnnouncement(IPodAnnouncer announcer, TimeProvider time, ILogger logger)
{
    private static readonly TimeSpan FirstRetry = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LastRetry = TimeSpan.FromMinutes(1);

    private readonly Lock _lock = new();
    private readonly Signal _changed = new();
    private bool? _aim;
    private bool _seen;
    private Workload? _pod;
    private Task _writing = Task.CompletedTask;

    /// <summary>
    /// Takes note of how the pod is seen: what it has, or has not any more once it was seen with it, needs no writing, or it anew.
    /// </summary>
    public void See(Workload pod)
    {
        lock (_lock)
        {
            if (pod.Announced)
            {
                _aim ??= true;
                _seen = true;
            }
            else if (_seen)
            {
                _seen = false;
                if (_aim == true)
                    _aim = null;
            }
        }
    }

    /// <summary>Whether the pod was seen to have it, or was told before.</summary>
    public bool IsTold
    {
        get
        {
            lock (_lock)
                return _aim == true;
        }
    }

    /// <summary>Has it written on the pod, or taken back; completes when that is done. Nothing happens when it was asked for before.</summary>
    public Task Put(Workload pod, bool enrolled, CancellationToken stopping)
    {
        lock (_lock)
        {
            _pod = pod;
            if (_aim == enrolled)
                return _writing;
            _aim = enrolled;
            _changed.Set();
            if (_writing.IsCompleted)
                _writing = Task.Run(() => Write(stopping), stopping);
            return _writing;
        }
    }

    private async Task Write(CancellationToken stopping)
    {
        TimeSpan wait = FirstRetry;
        while (true)
        {
            (Workload pod, bool aim) = Aim();
            try
            {
                await announcer.Annotate(pod, aim, stopping);
                lock (_lock)
                {
                    if (_aim is null || _aim == aim)
                    {
                        // Completed under the lock that Put looks under: what is asked for from now on begins anew.
                        _writing = Task.CompletedTask;
                        return;
                    }
                }
            }
            catch (IOException failure)
            {
                CaptureLog.NotAnnounced(logger, pod, failure.Message);
                await _changed.Wait(wait, time, stopping);
                wait = TimeSpan.FromTicks(Math.Min(wait.Ticks * 2, LastRetry.Ticks));
            }
        }
    }

    private (Workload Pod, bool Enrolled) Aim()
    {
        lock (_lock)
            return (_pod!, _aim ?? true);
    }
}
