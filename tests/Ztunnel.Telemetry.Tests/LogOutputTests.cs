using System.Diagnostics;
using System.Globalization;
using System.IO.Pipes;

namespace Ztunnel.Telemetry.Tests;

public sealed class LogOutputTests
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task Writing_to_a_full_pipe_nobody_reads_never_blocks_and_the_loss_is_logged_when_it_drains()
    {
        const int Lines = 20_000;
        using var pipe = new AnonymousPipeServerStream(PipeDirection.Out);
        using var reader = new StreamReader(new AnonymousPipeClientStream(PipeDirection.In, pipe.ClientSafePipeHandle));
        using var output = new LogOutput(pipe, new LogOutputOptions { QueueLength = 1000 });
        var log = new AccessLog(output);

        // All writes must be through before anyone reads; were one to wait for the pipe it would wait for ever.
        Task writes = Task.Run(() => Repeat(Lines, () => log.Write(Records.Tunnelled())), TestContext.Current.CancellationToken);
        await writes.WaitAsync(Deadline, TestContext.Current.CancellationToken);
        long dropped = output.Dropped;
        Assert.InRange(dropped, Lines / 2, Lines - 1000);

        int complete = 0;
        long reported = 0;
        while (complete + reported < Lines)
        {
            string? line = await reader.ReadLineAsync(TestContext.Current.CancellationToken).AsTask()
                .WaitAsync(Deadline, TestContext.Current.CancellationToken);
            Assert.NotNull(line);
            if (line.Contains("\tconnection complete\t", StringComparison.Ordinal))
                complete++;
            else
                reported += CountIn(line);
        }

        Assert.Equal(dropped, reported);
    }

    [Fact]
    public async Task Lines_of_many_threads_are_all_written_whole()
    {
        const int Threads = 4;
        const int Each = 1000;
        using var stream = new MemoryStream();
        using (var output = new LogOutput(stream, new LogOutputOptions { QueueLength = Threads * Each }))
        {
            var log = new AccessLog(output, FixedTime.Noon);
            await Task.WhenAll(Enumerable.Range(0, Threads).Select(_ => Task.Run(() => Repeat(Each, () => log.Write(Records.Plain())))));
        }

        stream.Position = 0;
        string[] lines = (await new StreamReader(stream).ReadToEndAsync(TestContext.Current.CancellationToken)).TrimEnd('\n').Split('\n');
        Assert.Equal(Threads * Each, lines.Length);
        Assert.Single(lines.Distinct(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Many_lines_share_a_write_and_a_single_one_does_not_wait()
    {
        using var stream = new CountingStream();
        using var output = new LogOutput(stream, new LogOutputOptions { Gather = TimeSpan.FromHours(1) });
        var log = new AccessLog(output);

        log.Write(Records.Plain());
        await stream.FirstWrite.WaitAsync(Deadline, TestContext.Current.CancellationToken);
        Repeat(100, () => log.Write(Records.Plain()));
        output.Dispose();

        Assert.Equal(2, stream.Writes);
        Assert.Equal(101, stream.Lines);
    }

    [Fact]
    public async Task A_stream_that_fails_costs_the_lines_of_that_write_and_no_more()
    {
        using var stream = new CountingStream { FailFirst = true };
        using var output = new LogOutput(stream, new LogOutputOptions { Gather = TimeSpan.Zero });
        var log = new AccessLog(output);

        log.Write(Records.Plain());
        await stream.FirstWrite.WaitAsync(Deadline, TestContext.Current.CancellationToken);
        Assert.True(SpinWait.SpinUntil(() => output.Dropped == 1, Deadline));
        log.Write(Records.Plain());
        output.Dispose();

        Assert.Equal(2, stream.Lines);
        Assert.Equal(1, CountIn(stream.Text.Split('\n')[1]));
    }

    [Fact]
    public void Dispose_gives_up_on_a_stuck_stream_after_its_timeout_and_later_lines_are_dropped()
    {
        using var pipe = new AnonymousPipeServerStream(PipeDirection.Out);
        var output = new LogOutput(pipe, new LogOutputOptions { DisposeTimeout = TimeSpan.FromMilliseconds(50) });
        var log = new AccessLog(output);
        Repeat(2000, () => log.Write(Records.Tunnelled()));

        var watch = Stopwatch.StartNew();
        output.Dispose();

        Assert.InRange(watch.Elapsed, TimeSpan.FromMilliseconds(40), Deadline);
        long before = output.Dropped;
        log.Write(Records.Plain());
        Assert.Equal(before + 1, output.Dropped);
    }

    private static void Repeat(int count, Action action)
    {
        for (int i = 0; i < count; i++)
            action();
    }

    private static long CountIn(string line)
    {
        Assert.Contains("\twarn\tlog\tlines dropped because the output could not keep up\tcount=", line);
        return long.Parse(line[(line.IndexOf("count=", StringComparison.Ordinal) + 6)..], CultureInfo.InvariantCulture);
    }

    private sealed class CountingStream : Stream
    {
        private readonly TaskCompletionSource _firstWrite = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly MemoryStream _written = new();

        public bool FailFirst { get; init; }

        public Task FirstWrite => _firstWrite.Task;

        public int Writes { get; private set; }

        public string Text => System.Text.Encoding.UTF8.GetString(_written.ToArray());

        public int Lines => Text.Count(c => c == '\n');

        public override bool CanRead => false;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

        public override void Write(ReadOnlySpan<byte> buffer)
        {
            Writes++;
            _firstWrite.TrySetResult();
            if (FailFirst && Writes == 1)
                throw new IOException("disk full");
            _written.Write(buffer);
        }

        public override void Flush()
        {
            // Nothing is buffered.
        }

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();
    }
}
