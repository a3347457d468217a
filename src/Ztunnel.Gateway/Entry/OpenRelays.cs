using Ztunnel.IO;

namespace Ztunnel.Gateway;

/// <summary>
/// What a gateway relays on one loop, judged again when policies have changed: what they would not let in now is cut. Changes
/// close together are taken as one. Loop thread only, but for <see cref="ReviewLater"/>.
/// </summary>
internal sealed class OpenRelays(EventLoop loop)
{
    private static readonly TimeSpan Settle = TimeSpan.FromMilliseconds(100);
    private static readonly ChannelFailure Refused = new(FailureKind.Local, "refused by policy");

    private readonly Dictionary<ByteRelay, Func<bool>> _open = [];
    private int _asked;

    /// <summary>Runs a relay to its end. It is judged once more at first: policies may have changed since it was let in.</summary>
    public async ValueTask Run(ByteRelay relay, Func<bool> isDenied)
    {
        _open.Add(relay, isDenied);
        if (isDenied())
            relay.Abort(Refused);
        await relay.Run();
        _open.Remove(relay);
    }

    /// <summary>Judges all again, soon. From any thread.</summary>
    public void ReviewLater()
    {
        if (Interlocked.Exchange(ref _asked, 1) == 0)
            loop.Post(_ => loop.Schedule(Settle, static state => ((OpenRelays)state!).Review(), this), null);
    }

    private void Review()
    {
        Interlocked.Exchange(ref _asked, 0);
        foreach ((ByteRelay relay, Func<bool> isDenied) in _open.ToArray())
        {
            if (isDenied())
                relay.Abort(Refused);
        }
    }
}
