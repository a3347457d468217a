using Ztunnel.IO;

namespace Ztunnel.Gateway;

/// <summary>
/// Moves bytes between two channels of one loop until both directions have ended: what a waypoint does with what is no HTTP.
/// Each direction ends on its own, and a reset on one side is a reset on the other.
/// </summary>
internal sealed class ByteRelay(Channel client, Channel server, TimeSpan idleTimeout)
{
    private const int TurnBytes = 512 * 1024;

    private long _moved;
    private long _movedAtLastLook;
    private LoopTimer? _reaper;

    /// <summary>Runs to the end and lets go of both channels.</summary>
    public async ValueTask Run()
    {
        client.Broken = broken => server.Abort(broken.Failure!);
        server.Broken = broken => client.Abort(broken.Failure!);
        LookLater();
        Task toServer = Move(client, server).AsTask();
        await Move(server, client);
        await toServer;
        _reaper?.Dispose();
        client.Broken = server.Broken = null;
        client.Dispose();
        server.Dispose();
    }

    /// <summary>Breaks both sides off.</summary>
    public void Abort(ChannelFailure failure)
    {
        client.Abort(failure);
        server.Abort(failure);
    }

    private async ValueTask Move(Channel from, Channel to)
    {
        int turn = 0;
        while (true)
        {
            switch (from.TryRead(out Chunk chunk))
            {
                case ReadStatus.Data:
                    int taken = to.TryWrite(chunk);
                    bool all = taken == chunk.Length;
                    from.Consume(taken);
                    _moved += taken;
                    turn += taken;
                    if (to.Failure is { } lost)
                    {
                        from.Abort(lost);
                        return;
                    }

                    if (!all)
                        await to.WaitForWriteAsync();
                    else if (turn > TurnBytes)
                        await from.Loop.YieldAsync();
                    turn = turn > TurnBytes ? 0 : turn;
                    break;
                case ReadStatus.Pending:
                    await from.WaitForReadAsync();
                    break;
                case ReadStatus.End:
                    to.ShutdownWrite();
                    return;
                default:
                    to.Abort(from.Failure!);
                    return;
            }
        }
    }

    private void LookLater() => _reaper = client.Loop.Schedule(idleTimeout, static state => ((ByteRelay)state!).Look(), this);

    private void Look()
    {
        if (_moved != _movedAtLastLook)
        {
            _movedAtLastLook = _moved;
            LookLater();
            return;
        }

        Abort(new ChannelFailure(FailureKind.TimedOut, "nothing moved for too long"));
    }
}
