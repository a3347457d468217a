using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using Ztunnel.Diagnostics;
using Ztunnel.Mesh;
using Ztunnel.Resources;
using Ztunnel.Testing;

namespace Ztunnel.EndToEnd.Tests;

/// <summary>An agent whose objects are not followed any more must not look sound, and one that is not ready says what keeps it waiting.</summary>
public sealed class ResourceFollowerTests : IAsyncDisposable
{
    private readonly TextLog _log = new();
    private readonly Readiness _readiness = new();
    private readonly TaskCompletionSource _broken = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Translator _translator;
    private readonly ResourceFollower _follower;

    public ResourceFollowerTests()
    {
        _translator = new Translator(new MeshState(), new TranslatorOptions(), _log);
        _follower = new ResourceFollower(_readiness, _log);
    }

    public ValueTask DisposeAsync() => _follower.DisposeAsync();

    [Fact]
    public async Task What_breaks_down_at_the_start_is_what_the_start_fails_with()
    {
        _broken.SetException(new IOException("the watch broke"));
        IOException fault = await Assert.ThrowsAsync<IOException>(() => Start(synced: new TaskCompletionSource().Task));
        Assert.Equal("the watch broke", fault.Message);
    }

    [Fact]
    public async Task What_breaks_down_after_the_start_makes_the_agent_not_ready()
    {
        await Start(_translator.Synced);
        _readiness.State = ReadinessState.Ready;
        Assert.Null(_readiness.Fault);

        _broken.SetException(new IOException("the watch broke"));
        await Assert.ThrowsAsync<IOException>(() => _follower.Following);
        Assert.Equal("objects are not followed any more", _readiness.Fault);
        Assert.Contains("the watch broke", _log.At(LogLevel.Critical).Single(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_agent_that_is_stopped_has_no_fault()
    {
        Task following;
        await using (var follower = new ResourceFollower(_readiness, _log))
        {
            await follower.Start(stop => _translator.Run(follower.Observing(new Source(_broken.Task)), stop), _translator.Synced, TestContext.Current.CancellationToken);
            following = follower.Following;
        }

        Assert.True(following.IsCanceled);
        Assert.Null(_readiness.Fault);
        Assert.Empty(_log.At(LogLevel.Critical));
    }

    [Fact]
    public async Task What_keeps_a_source_from_being_read_is_said_until_it_has_been()
    {
        var told = Channel.CreateUnbounded<ResourceEvent>();
        Readiness readiness = _readiness;
        Task starting = Start(_translator.Synced, new Told(told.Reader));

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
        await starting;
        await _follower.Following;
        Assert.Equal((null, null), (readiness.WaitsFor, readiness.Fault));

        void Tell(string name, string? fault, bool keepsFromServing = false) => told.Writer.TryWrite(new ResourceEvent.Report(new SourceReport
        {
            Name = name,
            Problems = fault is null ? [] : [new ResourceProblem { Source = name, Message = fault, KeepsFromServing = keepsFromServing }],
        }));
    }

    private Task Start(Task synced, IResourceSource? source = null) => _follower.Start(
        stop => _translator.Run(_follower.Observing(source ?? new Source(_broken.Task)), stop), synced, TestContext.Current.CancellationToken);

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
