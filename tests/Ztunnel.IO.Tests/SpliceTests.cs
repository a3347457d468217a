using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using FsCheck;
using FsCheck.Fluent;

namespace Ztunnel.IO.Tests;

public sealed class SpliceTests
{
    private const int Limit = 256 * 1024;

    [Fact]
    public void Any_bytes_arrive_intact_however_they_are_cut_and_whoever_moves_them()
    {
        using EventLoop loop = EventLoop.Start(0);
        Gen<int> size = Gen.OneOf(Gen.Choose(1, 20), Gen.Choose(1, 5_000), Gen.Choose(16_000, 300_000));
        Arbitrary<(int Seed, int[] Writes, int[] Moves)> cases = Arb.From(
            from seed in Gen.Choose(0, int.MaxValue)
            from writes in size.ArrayOf().Resize(8)
                // A negative size is read and written instead of spliced.
            from moves in Gen.OneOf(size, size.Select(count => -count)).NonEmptyListOf().Resize(12)
            select (seed, writes, moves.ToArray()));

        Check.QuickThrowOnFailure(Prop.ForAll(cases, sample =>
            loop.RunAsync(() => ArrivesIntact(loop, sample.Seed, sample.Writes, sample.Moves)).Wait(Loops.Patience)));
    }

    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("::1")]
    public async Task Megabytes_never_come_into_this_process(string address)
    {
        byte[] payload = RandomNumberGenerator.GetBytes(16 * 1024 * 1024);
        await Loops.OnLoop(async loop =>
        {
            using Joint joint = await Joint.Make(loop, IPAddress.Parse(address));
            Task<(byte[] Bytes, ReadStatus End)> arriving = Loops.ReadAll(joint.Receiver);
            Task moving = joint.MoveAll();
            await joint.Sender.WriteAsync(payload);
            joint.Sender.ShutdownWrite();
            await moving;

            (byte[] bytes, ReadStatus end) = await arriving;
            Assert.Equal(ReadStatus.End, end);
            Assert.True(payload.AsSpan().SequenceEqual(bytes));
            Assert.Equal(payload.Length, joint.Source.BytesRead);
            Assert.Equal(payload.Length, joint.Source.BytesSpliced);
            Assert.Equal(payload.Length, joint.Destination.BytesWritten);
            Assert.Equal(payload.Length, joint.Moved);
        });
    }

    [Fact]
    public async Task A_direction_that_has_ended_leaves_the_other_alone()
    {
        await Loops.OnLoop(async loop =>
        {
            using Joint joint = await Joint.Make(loop);
            await joint.Sender.WriteAsync("question"u8.ToArray());
            joint.Sender.ShutdownWrite();
            Assert.Equal(SpliceStatus.End, await joint.MoveAll());
            Assert.Equal("question"u8.ToArray(), (await Loops.ReadAll(joint.Receiver)).Bytes);

            var back = new Splice(joint.Destination, joint.Source);
            await joint.Receiver.WriteAsync("answer"u8.ToArray());
            joint.Receiver.ShutdownWrite();
            Assert.Equal(SpliceStatus.End, await Joint.MoveAll(back, joint.Destination, joint.Source));
            Assert.Equal("answer"u8.ToArray(), (await Loops.ReadAll(joint.Sender)).Bytes);
        });
    }

    [Fact]
    public async Task A_reset_of_the_source_shows_after_the_bytes_before_it()
    {
        await Loops.OnLoop(async loop =>
        {
            using Joint joint = await Joint.Make(loop);
            byte[] sent = RandomNumberGenerator.GetBytes(100_000);
            await joint.Sender.WriteAsync(sent);
            joint.Sender.Abort(new ChannelFailure(FailureKind.Closed, "reset in the test"));
            await Loops.Until(loop, () => joint.Source.Failure is not null);

            Assert.Equal(SpliceStatus.SourceFailed, await joint.MoveAll());
            Assert.Equal(FailureKind.Reset, joint.Source.Failure!.Kind);
            joint.Destination.ShutdownWrite();
            byte[] arrived = (await Loops.ReadAll(joint.Receiver)).Bytes;
            Assert.True(sent.AsSpan().SequenceEqual(arrived));
        });
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_reset_of_the_destination_is_told_and_gives_the_pipe_back(bool whileInFlight)
    {
        await Loops.OnLoop(async loop =>
        {
            using Joint joint = await Joint.Make(loop);
            if (whileInFlight)
                await joint.FillUp();
            Assert.Equal(whileInFlight ? 1 : 0, loop.Pipes.Borrowed);
            joint.Receiver.Abort(new ChannelFailure(FailureKind.Closed, "reset in the test"));
            await Loops.Until(loop, () => joint.Destination.Failure is not null);

            Assert.Equal(SpliceStatus.DestinationFailed, joint.Splice.Move(Limit, out _));
            Assert.Equal(FailureKind.Reset, joint.Destination.Failure!.Kind);
            joint.Splice.Discard();
            Assert.Equal((0, 0), (loop.Pipes.Borrowed, joint.Splice.InFlight));
        });
    }

    [Fact]
    public async Task A_receiver_that_stalls_stops_the_sender_and_loses_nothing()
    {
        await Loops.OnLoop(async loop =>
        {
            using Joint joint = await Joint.Make(loop);
            byte[] sent = await joint.FillUp();

            // Neither the pipe nor the source is drained further, however often it is tried.
            long read = joint.Source.BytesRead;
            Assert.Equal(SpliceStatus.AwaitRoom, joint.Splice.Move(Limit, out int moved));
            Assert.Equal((0, read), (moved, joint.Source.BytesRead));
            Assert.InRange(joint.Splice.InFlight, 1, Limit);
            Assert.False(joint.Destination.WaitForWriteAsync().IsCompleted);

            Task<(byte[] Bytes, ReadStatus End)> arriving = Loops.ReadAll(joint.Receiver);
            joint.Sender.ShutdownWrite();
            await Loops.Until(loop, () => joint.Splice.Move(Limit, out _) == SpliceStatus.End);
            joint.Destination.ShutdownWrite();
            byte[] arrived = (await arriving).Bytes;
            Assert.True(sent.AsSpan().SequenceEqual(arrived));
            Assert.Equal(0, loop.Pipes.Borrowed);
        });
    }

    [Fact]
    public async Task What_is_in_flight_or_kept_is_on_the_account_for_as_long()
    {
        await Loops.OnLoop(async loop =>
        {
            using Joint joint = await Joint.Make(loop);
            int exceeded = 0;
            var account = new BufferAccount(1, () => exceeded++);
            joint.Source.Account = account;
            await joint.FillUp();
            Assert.Equal(joint.Splice.InFlight, account.Held);
            Assert.Equal(1, exceeded);
            joint.Splice.Discard();
            Assert.Equal(0, account.Held);

            Assert.Equal(1, await joint.Source.ReadAsync(new byte[1]));
            Assert.InRange(account.Held, joint.Source.BytesKept, LoopBuffers.LargeBlock);
            Assert.Equal(joint.Source.Held, account.Held);
            joint.Source.Abort(new ChannelFailure(FailureKind.Closed, "test"));
            Assert.Equal(0, account.Held);
            Assert.Equal(1, exceeded);
        });
    }

    [Fact]
    public async Task Bytes_read_and_kept_go_first_and_are_not_spliced()
    {
        await Loops.OnLoop(async loop =>
        {
            using Joint joint = await Joint.Make(loop);
            await joint.Sender.WriteAsync("first second"u8.ToArray());
            Assert.Equal(6, await joint.Source.ReadAsync(new byte[6]));

            Assert.Equal(SpliceStatus.Unable, joint.Splice.Move(Limit, out _));
            Assert.Equal(6, await joint.Source.ReadAsync(new byte[100]));
            await joint.Sender.WriteAsync("third"u8.ToArray());
            joint.Sender.ShutdownWrite();
            Assert.Equal(SpliceStatus.End, await joint.MoveAll());
            Assert.Equal("third"u8.ToArray(), (await Loops.ReadAll(joint.Receiver)).Bytes);
        });
    }

    [Fact]
    public async Task Urgent_data_which_a_splice_never_gets_past_makes_it_step_aside()
    {
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        await Loops.OnLoop(async loop =>
        {
            using Joint joint = await Joint.Make(loop);
            TcpConnection source = await TcpConnection.ConnectAsync(
                loop, null, null, (IPEndPoint)listener.LocalEndPoint!, new TcpOptions(), Loops.ConnectTimeout);
            using Socket sender = listener.Accept();
            var splice = new Splice(source, joint.Source);
            sender.Send("before"u8);
            sender.Send("!"u8, SocketFlags.OutOfBand);
            sender.Send("after"u8);
            sender.Shutdown(SocketShutdown.Send);

            await Loops.Until(loop, () => splice.Move(Limit, out _) == SpliceStatus.Unable);
            Assert.Equal(ReadStatus.End, (await Loops.ReadAll(source)).End);
            source.Dispose();
        });
    }

    [Fact]
    public async Task Pipes_are_shared_given_back_and_closed_once_nobody_needs_them()
    {
        await Loops.OnLoop(async loop =>
        {
            using Joint first = await Joint.Make(loop);
            using Joint second = await Joint.Make(loop);
            for (int i = 0; i < 50; i++)
            {
                foreach (Joint joint in new[] { first, second })
                {
                    await joint.Sender.WriteAsync(new byte[1000]);
                    await Loops.Until(loop, () => joint.Splice.Move(Limit, out _) == SpliceStatus.Moved);
                    Assert.Equal((0, 1), (loop.Pipes.Borrowed, loop.Pipes.Free));
                }
            }

            await Loops.Until(loop, () => loop.Pipes.Free == 0);
        });
    }

    private static async Task ArrivesIntact(EventLoop loop, int seed, int[] writes, int[] moves)
    {
        byte[] sent = new byte[writes.Sum()];
        new Random(seed).NextBytes(sent);
        using Joint joint = await Joint.Make(loop);
        Task<(byte[] Bytes, ReadStatus End)> arriving = Loops.ReadAll(joint.Receiver);
        Task writing = Write();
        for (int turn = 0; await joint.MoveOnce(moves[turn % moves.Length]); turn++)
        {
        }

        await writing;
        joint.Destination.ShutdownWrite();
        byte[] arrived = (await arriving).Bytes;
        Assert.True(sent.AsSpan().SequenceEqual(arrived));
        Assert.Equal((sent.Length, sent.Length), (joint.Source.BytesRead, joint.Destination.BytesWritten));
        Assert.Equal((0, 0), (loop.Buffers.RentedBytes, loop.Pipes.Borrowed));

        async Task Write()
        {
            int start = 0;
            foreach (int size in writes)
            {
                await joint.Sender.WriteAsync(sent.AsMemory(start, size));
                start += size;
            }

            joint.Sender.ShutdownWrite();
        }
    }

    /// <summary>Sender, source, destination and receiver: two connections in a row, joined by a splice.</summary>
    private sealed class Joint : IDisposable
    {
        private Joint((TcpConnection Client, TcpConnection Server) incoming, (TcpConnection Client, TcpConnection Server) outgoing)
        {
            (Sender, Source) = incoming;
            (Destination, Receiver) = outgoing;
            Splice = new Splice(Source, Destination);
        }

        public TcpConnection Sender { get; }

        public TcpConnection Source { get; }

        public TcpConnection Destination { get; }

        public TcpConnection Receiver { get; }

        public Splice Splice { get; }

        public long Moved { get; private set; }

        public static async Task<Joint> Make(EventLoop loop, IPAddress? address = null) => new(
            await Loops.ConnectedPair(loop, address: address), await Loops.ConnectedPair(loop, address: address));

        public async Task<SpliceStatus> MoveAll()
        {
            while (true)
            {
                SpliceStatus status = Splice.Move(Limit, out int moved);
                Moved += moved;
                if (!await GoOn(status, Source, Destination))
                    return status;
            }
        }

        public static async Task<SpliceStatus> MoveAll(Splice splice, TcpConnection source, TcpConnection destination)
        {
            while (true)
            {
                SpliceStatus status = splice.Move(Limit, out _);
                if (!await GoOn(status, source, destination))
                    return status;
            }
        }

        /// <summary>Splices once, or with a negative size and nothing in flight reads and writes once; false at the end.</summary>
        public async Task<bool> MoveOnce(int size)
        {
            SpliceStatus status = size > 0 || Splice.InFlight > 0 ? Splice.Move(Math.Abs(size), out _) : Copy(-size);
            return await GoOn(status == SpliceStatus.Unable ? Copy(Math.Abs(size)) : status, Source, Destination);
        }

        /// <summary>Writes until nothing moves any more at any place; returns all that was written.</summary>
        public async Task<byte[]> FillUp()
        {
            byte[] all = RandomNumberGenerator.GetBytes(64 * 1024 * 1024);
            int written = 0;
            int idle = 0;
            while (idle < 5)
            {
                long before = Moved + written;
                written += Write(all.AsSpan(written));
                SpliceStatus status = Splice.Move(Limit, out int moved);
                Moved += moved;
                idle = before == Moved + written && status == SpliceStatus.AwaitRoom ? idle + 1 : 0;
                await Sender.Loop.DelayAsync(TimeSpan.FromMilliseconds(idle));
            }

            Assert.InRange(written, 1, all.Length - 1);
            return all[..written];
        }

        public void Dispose()
        {
            Splice.Discard();
            Sender.Dispose();
            Source.Dispose();
            Destination.Dispose();
            Receiver.Dispose();
        }

        private static async ValueTask<bool> GoOn(SpliceStatus status, TcpConnection source, TcpConnection destination)
        {
            switch (status)
            {
                case SpliceStatus.Moved:
                    return true;
                case SpliceStatus.AwaitData:
                    await source.WaitForReadAsync();
                    return true;
                case SpliceStatus.AwaitRoom:
                    await destination.WaitForWriteAsync();
                    return true;
                default:
                    if (status == SpliceStatus.End)
                        destination.ShutdownWrite();
                    return false;
            }
        }

        private SpliceStatus Copy(int count)
        {
            ReadStatus status = Source.TryRead(out Chunk chunk);
            if (status != ReadStatus.Data)
                return status == ReadStatus.Pending ? SpliceStatus.AwaitData : SpliceStatus.End;
            int taken = Destination.TryWrite(chunk.Take(Math.Min(count, chunk.Length)));
            Source.Consume(taken);
            return taken > 0 ? SpliceStatus.Moved : SpliceStatus.AwaitRoom;
        }

        private int Write(ReadOnlySpan<byte> bytes)
        {
            using ScratchLease scratch = Sender.Loop.RentScratch();
            int count = Math.Min(bytes.Length, 128 * 1024);
            bytes[..count].CopyTo(scratch.Span);
            return Sender.TryWrite(new Chunk(scratch.Span[..count], 0));
        }
    }
}
