using Ztunnel.IO;
using Ztunnel.Mesh;

namespace Ztunnel.Capture;

/// <content>The way out of the mesh.</content>
internal sealed partial class PodEnrolment
{
    /// <summary>How long peers are waited for to hear that the pod takes tunnels no more.</summary>
    private static readonly TimeSpan AnnouncementPatience = TimeSpan.FromSeconds(2);

    /// <summary>
    /// Takes back what was announced, ends capture, then the listeners. The rest waits in <see cref="_leaving"/> until the
    /// connections under way have ended.
    /// </summary>
    private async Task Leave(Aim aim, CancellationToken stopping)
    {
        Enrolled leaving = _enrolled!;
        Report(aim.Workload, new EnrolmentState.Removing());
        // One that only gets another namespace goes on taking tunnels.
        if (aim.Given is not { Waits: true })
            await Withdraw(aim.Workload, stopping);
        around.Probes?.Remove(leaving.Workload);
        using (Turn turn = await Turn.Take(around.Turns, stopping))
            await PodFirewall.Drain(leaving.Namespace, stopping);
        _enrolled = null;
        _leaving.Add(leaving);
        leaving.Drain(_signal.Set);
        if (!aim.Wanted && !_gone)
            around.Options.Announcer?.Tell(aim.Workload, PodNews.AmbientReleased, "the pod has left the mesh; new connections are not captured");
    }

    /// <summary>
    /// What is left to aim for: the namespace that was given and left is forgotten, and with it a pod that came by it alone and
    /// that the model never had.
    /// </summary>
    private Aim AfterLeaving()
    {
        lock (_lock)
        {
            _between |= _aim.TornDown is not null;
            _aim = _aim with { TornDown = null };
            if (_aim.Given is { Waits: false })
                _aim = _aim with { Given = null, Wanted = _aim.Wanted && !_unknown };
            return _aim;
        }
    }

    /// <summary>Has peers stop to use tunnels before the listeners go. That the API cannot be reached holds nothing up for long.</summary>
    private async Task Withdraw(Workload workload, CancellationToken stopping)
    {
        if (_announcement is null || _gone)
            return;
        Task written = _announcement.Put(workload, enrolled: false, stopping);
        await Task.WhenAny(written, Task.Delay(AnnouncementPatience, around.Time, stopping));
        stopping.ThrowIfCancellationRequested();
    }

    /// <summary>Takes the last of what has drained away.</summary>
    private async Task Finish(CancellationToken stopping)
    {
        foreach (Enrolled left in _leaving.Where(each => each.Drained is { IsCompleted: true }).ToArray())
        {
            if (left.Drained?.Exception is { } failure)
                CaptureLog.DrainFailed(around.Logger, left.Workload, failure.GetBaseException());
            bool last = left.HasRules && _enrolled?.Namespace.Inode != left.Namespace.Inode && _leaving.Count(each => each.Namespace.Inode == left.Namespace.Inode) == 1;
            if (last)
            {
                using Turn turn = await Turn.Take(around.Turns, stopping);
                await PodFirewall.Remove(left.Namespace, stopping);
                CaptureLog.Removed(around.Logger, left.Workload, left.Namespace.Path);
                _clean = true;
            }

            _leaving.Remove(left);
            LetGo(left.Namespace);
        }
    }

    /// <summary>
    /// Takes away what an earlier agent left in a pod that left the mesh while no agent was there: rules that lead its
    /// connections to nobody. What cannot be told to be this pod's namespace is left alone.
    /// </summary>
    private async Task Clean(Workload workload, CancellationToken stopping)
    {
        if (_clean || _enrolled is not null || _leaving.Count > 0)
            return;
        if (workload.Announced)
            _ = _announcement?.Put(workload, enrolled: false, stopping);
        if (await ClaimToClean(workload, stopping) is not { } ns)
        {
            _clean = true;
            return;
        }

        try
        {
            using Turn turn = await Turn.Take(around.Turns, stopping);
            if (await PodFirewall.IsPresent(ns, stopping))
            {
                await PodFirewall.Remove(ns, stopping);
                CaptureLog.Removed(around.Logger, workload, ns.Path);
            }

            _clean = true;
        }
        finally
        {
            LetGo(ns);
        }
    }

    private async Task<NetworkNamespace?> ClaimToClean(Workload workload, CancellationToken stopping)
    {
        NetworkNamespace? ns = null;
        try
        {
            ns = (await around.Namespaces.Find(workload, stopping)).Namespace;
            around.Namespaces.Claim(workload, ns);
            return ns;
        }
        catch (EnrolmentException)
        {
            ns?.Dispose();
            return null;
        }
    }

    /// <summary>
    /// Whether a pod can stay enrolled as it is: in the namespace it is in, under the identity its listeners speak under. The
    /// namespace that the container runtime named is the pod's while any of the addresses it had there is in it.
    /// </summary>
    private async Task<bool> IsStill(Enrolled enrolled, Aim aim, CancellationToken stopping)
    {
        if (enrolled.Workload.Identity != aim.Workload.Identity || aim.TornDown == enrolled.Namespace.Inode)
            return false;
        return aim.Given is not { } given
            ? await around.Namespaces.IsStill(enrolled.Namespace, enrolled.Workload, aim.Workload, stopping)
            : given.Inode == enrolled.Namespace.Inode && PodNamespaces.HoldsAny(enrolled.Namespace, given.Addresses);
    }
}
