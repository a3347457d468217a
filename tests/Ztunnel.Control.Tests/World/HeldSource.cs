using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Ztunnel.Resources;

namespace Ztunnel.Control.Tests;

/// <summary>A source that can be made to lag: what it has to tell of one object is held until it is let go.</summary>
internal sealed class HeldSource(IResourceSource source, ObjectKey held) : IResourceSource
{
    private readonly Channel<ResourceEvent> _told = Channel.CreateUnbounded<ResourceEvent>();
    private readonly Lock _gate = new();
    private readonly List<ResourceEvent> _held = [];
    private bool _holds;

    public void Hold()
    {
        lock (_gate)
            _holds = true;
    }

    public void LetGo()
    {
        lock (_gate)
        {
            _holds = false;
            _held.ForEach(told => _told.Writer.TryWrite(told));
            _held.Clear();
        }
    }

    public async IAsyncEnumerable<ResourceEvent> Watch([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        Task following = Follow(cancellationToken);
        await foreach (ResourceEvent told in _told.Reader.ReadAllAsync(cancellationToken))
            yield return told;
        await following;
    }

    private async Task Follow(CancellationToken cancellationToken)
    {
        await foreach (ResourceEvent told in source.Watch(cancellationToken))
        {
            lock (_gate)
            {
                if (_holds && KeyOf(told) == held)
                    _held.Add(told);
                else
                    _told.Writer.TryWrite(told);
            }
        }
    }

    private static ObjectKey? KeyOf(ResourceEvent told) => told switch
    {
        ResourceEvent.Put put => put.Object.Key,
        ResourceEvent.Remove gone => gone.Key,
        ResourceEvent.Status status => status.Key,
        _ => null,
    };
}
