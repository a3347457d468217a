using System.Threading.Channels;

namespace Ztunnel.Testing.Api;

/// <summary>One line of a watch that is to be sent: a change, or what the server says of itself.</summary>
internal readonly record struct WatchLine(ChangeEvent? Change, WatchEventType Type, long Bookmark);

/// <summary>One open watch: what it selects, and what it was not sent yet.</summary>
internal sealed class Watcher(Selection selection)
{
    private readonly Channel<WatchLine> _lines = Channel.CreateUnbounded<WatchLine>(
        new UnboundedChannelOptions { SingleReader = true, AllowSynchronousContinuations = false });

    /// <summary>What is to be sent, in order; completed when the server ends the watch.</summary>
    public ChannelReader<WatchLine> Lines => _lines.Reader;

    /// <summary>The field and value every object it selects has, when there is one: it then hears of no others at all.</summary>
    public (int Field, string Value)? Pinned => selection.Pinned;

    /// <summary>Queues a change when it concerns what is selected.</summary>
    public void Tell(ChangeEvent change)
    {
        if (change.For(selection) is { } type)
            _lines.Writer.TryWrite(new WatchLine(change, type, 0));
    }

    /// <summary>Queues a bookmark.</summary>
    public void Tell(long bookmark) => _lines.Writer.TryWrite(new WatchLine(null, default, bookmark));

    /// <summary>Ends the watch after what is queued; with a failure, the connection breaks at once.</summary>
    public void End(Exception? failure = null) => _lines.Writer.TryComplete(failure);
}
