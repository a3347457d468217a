using System.Collections.Concurrent;
using Ztunnel.IO;
using Ztunnel.Mesh;

namespace Ztunnel.Capture.Tests;

/// <summary>Stands in for the proxy: remembers what it was told, in order, and can be made to fail or to take its time.</summary>
internal sealed class Proxies : IPodListeners
{
    private readonly ConcurrentQueue<string> _events = new();
    private int _starting;

    /// <summary>What happened, as <c>start NAME</c> and <c>drain NAME</c>.</summary>
    public IReadOnlyList<string> Events => [.. _events];

    /// <summary>The sessions started, in order.</summary>
    public ConcurrentQueue<Session> Sessions { get; } = new();

    /// <summary>The most that were starting at one time.</summary>
    public int MostAtOnce { get; private set; }

    /// <summary>Called on each start; what it throws is the start's failure.</summary>
    public Func<Workload, NetworkNamespace, Task> Starting { get; set; } = (_, _) => Task.CompletedTask;

    /// <summary>Whether sessions end only when told to.</summary>
    public bool HoldDrains { get; set; }

    public async ValueTask<IPodSession> Start(Workload workload, NetworkNamespace networkNamespace, CancellationToken cancellationToken)
    {
        _events.Enqueue($"start {workload.Name}");
        int starting = Interlocked.Increment(ref _starting);
        MostAtOnce = Math.Max(MostAtOnce, starting);
        try
        {
            await Starting(workload, networkNamespace);
            var session = new Session(this, workload);
            Sessions.Enqueue(session);
            return session;
        }
        finally
        {
            Interlocked.Decrement(ref _starting);
        }
    }

    internal sealed class Session(Proxies proxies, Workload workload) : IPodSession
    {
        public Workload Workload => workload;

        public TaskCompletionSource Ended { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task Drain()
        {
            proxies._events.Enqueue($"drain {workload.Name}");
            if (!proxies.HoldDrains)
                Ended.TrySetResult();
            return Ended.Task;
        }
    }
}
