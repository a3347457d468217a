using Ztunnel.IO;

namespace Ztunnel.Gateway;

/// <summary>
/// What a waypoint relays on one loop, judged again when policies have changed: what they would not let in now is cut. Changes
/// close together are taken as one. Loop thread only, but for <see cref="ReviewLater"/>.
/// </summary>
internal sealed class OpenRelays(EventLoop loop)
{
    private static readonly TimeSpan Settle = TimeSpan.FromMilliseconds(100);
    private static readonly ChannelFailure Refused = new(FailureKind.Local, "refused by policy");

    private readonly Dictionary<ByteRelay, Entry.Tunnel> _open = [];
    private int _asked;

    /// <summary>Runs a relay to its end. It is judged once more at first: policies may have changed since it was let in.</summary>
    public async ValueTask Run(ByteRelay relay, Entry.Tunnel entry, Func<Entry.Tunnel, bool> isDenied)
    {
        _open.Add(relay, entry);
        if (isDenied(entry))
            relay.Abort(Refused);
        await relay.Run();
        _open.Remove(relay);
    }

    /// <summary>Judges all again, soon. From any thread.</summary>
    public void ReviewLater(Func<Entry.Tunnel, bool> isDenied)
    {
        if (Interlocked.Exchange(ref _asked, 1) == 0)
            loop.Post(_ => loop.Schedule(Settle, _ => Review(isDenied), null), null);
    }

    private void Review(Func<Entry.Tunnel, bool> isDenied)
    {
        Interlocked.Exchange(ref _asked, 0);
        foreach ((ByteRelay relay, Entry.Tunnel entry) in _open.ToArray())
        {
            if (isDenied(entry))
                relay.Abort(Refused);
        }
    }
}
