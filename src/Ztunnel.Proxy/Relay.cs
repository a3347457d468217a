using System.Runtime.CompilerServices;
using Ztunnel.IO;

namespace Ztunnel.Proxy;

/// <summary>
/// Moves bytes between two channels of one loop until both directions have ended: the one place that does. Each direction
/// ends on its own, so a half-closed connection goes on the other way; a failure of either channel breaks the other at
/// once, so that a reset is seen as a reset. Nothing is buffered here: what the receiver does not take stays with the
/// sender's channel, which is then not read until it drains.
/// </summary>
public sealed class Relay
{
    /// <summary>Bytes one direction moves before it lets the loop's other work have its turn.</summary>
    private const int TurnBytes = 512 * 1024;

    private readonly Channel _client;
    private readonly Channel _server;
    private long _toServer;
    private long _toClient;

    /// <summary>Prepares a relay between two open channels of the same loop.</summary>
    public Relay(Channel client, Channel server)
    {
        ArgumentNullException.ThrowIfNull(client);
        ArgumentNullException.ThrowIfNull(server);
        _client = client;
        _server = server;
    }

    /// <summary>Bytes taken by the server's channel so far.</summary>
    public long BytesToServer => Volatile.Read(ref _toServer);

    /// <summary>Bytes taken by the client's channel so far.</summary>
    public long BytesToClient => Volatile.Read(ref _toClient);

    /// <summary>What broke the relay, or null if both directions ended in order.</summary>
    public ChannelFailure? Failure { get; private set; }

    /// <summary>Runs until both directions have ended. Never throws for a failure of a channel; disposes neither.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    public async ValueTask RunAsync()
    {
        ValueTask toServer = PumpAsync(_client, _server, towardsServer: true);
        await PumpAsync(_server, _client, towardsServer: false);
        await toServer;
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask PumpAsync(Channel from, Channel to, bool towardsServer)
    {
        while (true)
        {
            switch (MoveTurn(from, to, ref towardsServer ? ref _toServer : ref _toClient))
            {
                case Step.AwaitData:
                    await from.WaitForReadAsync();
                    break;
                case Step.AwaitRoom:
                    await to.WaitForWriteAsync();
                    break;
                case Step.GiveTurn:
                    await from.Loop.YieldAsync();
                    break;
                default:
                    return;
            }
        }
    }

    private Step MoveTurn(Channel from, Channel to, ref long total)
    {
        int turn = TurnBytes;
        while (true)
        {
            switch (from.TryRead(out Chunk chunk))
            {
                case ReadStatus.Pending:
                    return Step.AwaitData;
                case ReadStatus.End:
                    to.ShutdownWrite();
                    return Step.Finished;
                case ReadStatus.Failed:
                    return Break(from.Failure!, to);
                default:
                    break;
            }

            int length = chunk.Length;
            int taken = to.TryWrite(chunk);
            from.Consume(taken);
            if (to.Failure is { } failure)
                return Break(failure, from);

            Volatile.Write(ref total, total + taken);
            turn -= taken;
            if (taken < length)
                return Step.AwaitRoom;
            if (turn <= 0)
                return Step.GiveTurn;
        }
    }

    private Step Break(ChannelFailure failure, Channel other)
    {
        Failure ??= failure;
        other.Abort(failure);
        return Step.Finished;
    }

    private enum Step
    {
        AwaitData,
        AwaitRoom,
        GiveTurn,
        Finished,
    }
}
