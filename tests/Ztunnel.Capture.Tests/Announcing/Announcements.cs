using System.Collections.Concurrent;
using Ztunnel.Mesh;

namespace Ztunnel.Capture.Tests;

/// <summary>Stands in for the cluster: remembers what it was told, in order, and can be made to fail or to take its time.</summary>
internal sealed class Announcements : IPodAnnouncer
{
    private readonly ConcurrentQueue<string> _told = new();

    /// <summary>What was told, as <c>annotate NAME true</c> and <c>NEWS NAME: message</c>.</summary>
    public IReadOnlyList<string> Told => [.. _told];

    /// <summary>Called before each writing.</summary>
    public Func<Workload, bool, CancellationToken, Task> Annotating { get; set; } = (_, _, _) => Task.CompletedTask;

    public async Task Annotate(Workload pod, bool enrolled, CancellationToken cancellationToken)
    {
        await Annotating(pod, enrolled, cancellationToken);
        _told.Enqueue($"annotate {pod.Name} {enrolled}");
    }

    public void Tell(Workload pod, PodNews news, string message) => _told.Enqueue($"{news} {pod.Name}: {message}");
}
