using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using Ztunnel.Diagnostics;
using Ztunnel.Mesh;
using Ztunnel.Resources;
using Ztunnel.Testing;

namespace Ztunnel.EndToEnd.Tests;

/// <summary>An agent whose objects are not followed any more must not look sound, and one that is not ready says what keeps it waiting.</summary>
public sealed class ResourceFollowerTests : IDisposable
{
    private readonly TextLog _log = new();
    private readonly Readiness _readiness = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly TaskCompletionSource _broken = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Translator _translator;
    private readonly Task _following;

    public ResourceFollowerTests()
    {
        _translator = new Translator(new MeshState(), new TranslatorOptions(), _log);
        _following = new ResourceFollower(_translator, _readiness, _log).Run(new Source(_broken.Task), _stop.Token);
    }

    public void Dispose() => _stop.Dispose();

    [Fact]
    public async Task What_breaks_down_after_the_start_makes_the_agent_not_ready()
    {
        await _translator.Synced;
        _readiness.State = ReadinessState.Ready;
        Assert.Null(_readiness.Fault);

        _broken.SetException(new IOException("the watch broke"));
        await Assert.ThrowsAsync<IOException>(() => _following);
        Assert.Equal("objects are not followed any more", _readiness.Fault);
        Assert.Contains("the watch broke", _log.At(LogLevel.Critical).Single(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_agent_that_is_stopped_has_no_fault()
    {
        await _translator.Synced;
        await _stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => _following);
        Assert.Null(_readiness.Fault);
        Assert.Empty(_log.At(LogLevel.Critical));
    }

    [Fact]
    public async Task What_keeps_a_source_from_being_read_is_said_until_it_has_been()
    {
        var told = Channel.CreateUnbounded<ResourceEvent>();
        var readiness = new Readiness();
        var follower = new ResourceFollower(new Translator(new MeshState(), new TranslatorOptions(), _log), readiness, _log);
        Task following = follower.Run(new Told(told.Reader), _stop.Token);

        Tell("kubernetes/pods", "cannot be read");
        Tell("kubernetes/nodes", "cannot be read either");
        await Eventually.Holds(() => readiness.WaitsFor == "kubernetes/nodes: cannot be read either (and 1 more)");
        Tell("kubernetes/nodes", null);
        await Eventually.Holds(() => readiness.WaitsFor == "kubernetes/pods: cannot be read");
        told.Writer.TryWrite(new ResourceEvent.Synced());
        await Eventually.Holds(() => readiness.WaitsFor is null);
        Tell("kubernetes/pods", "lost");
        Tell("kubernetes/policies", "forbidden", keepsFromServing: true);
        await Eventually.Holds(() => readiness.Fault == "kubernetes/policies: forbidden");
        Tell("kubernetes/policies", null);
        told.Writer.Complete();
        await following;
        Assert.Equal((null, null), (readiness.WaitsFor, readiness.Fault));

        void Tell(string name, string? fault, bool keepsFromServing = false) => told.Writer.TryWrite(new ResourceEvent.Report(new SourceReport
        {
            Name = name,
            Problems = fault is null ? [] : [new ResourceProblem { Source = name, Message = fault, KeepsFromServing = keepsFromServing }],
        }));
    }

    private sealed class Source(Task broken) : IResourceSource
    {
        public async IAsyncEnumerable<ResourceEvent> Watch([EnumeratorCancellation] CancellationToken cancellationToken)
        {
            yield return new ResourceEvent.Synced();
            await broken.WaitAsync(cancellationToken);
        }
    }

    private sealed class Told(ChannelReader<ResourceEvent> events) : IResourceSource
    {
        public async IAsyncEnumerable<ResourceEvent> Watch([EnumeratorCancellation] CancellationToken cancellationToken)
        {
            await foreach (ResourceEvent told in events.ReadAllAsync(cancellationToken))
                yield return told;
        }
    }
}
