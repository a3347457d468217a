using System.Text;
using System.Text.Json.Nodes;

namespace Ztunnel.Testing.Api;

/// <summary>The lines of one watch on their way to the client.</summary>
internal sealed class WatchStream(Exchange exchange, Presentation form)
{
    private const int FlushAt = 256 * 1024;
    private bool _first = true;
    private int _unsent;

    /// <summary>Tells of an object that was there when the watch began.</summary>
    public ValueTask Add(StoredObject value) => Write(form.Event(WatchEventType.Added, value, First()));

    /// <summary>Tells of a change.</summary>
    public ValueTask Change(ChangeEvent change, WatchEventType type) => Write(change.Encode(type, form, First()));

    /// <summary>Tells up to where everything was told.</summary>
    public ValueTask Bookmark(long version, bool initialEnd) => Write(form.Bookmark(version, initialEnd));

    /// <summary>Tells why the watch cannot go on.</summary>
    public async ValueTask Error(ApiFailure failure)
    {
        await Write(Encoding.UTF8.GetBytes(new JsonObject { ["type"] = "ERROR", ["object"] = failure.ToJson() }.ToJsonString() + "\n"));
        await Flush();
    }

    /// <summary>Sends what was written.</summary>
    public async ValueTask Flush()
    {
        _unsent = 0;
        await exchange.Flush();
    }

    private bool First()
    {
        bool first = _first;
        _first = false;
        return first;
    }

    private ValueTask Write(byte[] line)
    {
        exchange.Write(line);
        _unsent += line.Length;
        return _unsent > FlushAt ? Flush() : default;
    }
}
