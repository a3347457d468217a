using System.Diagnostics;
using Ztunnel.Hbone.Wire;

namespace Ztunnel.Hbone.Tests.Wire;

/// <summary>
/// Our encoder against Node's decoder (nghttp2's) and the other way round, over hundreds of blocks of one connection, with
/// tables small enough to evict all the time.
/// </summary>
public sealed class NodeInteropTests
{
    private const int Requests = 300;

    [Theory]
    [InlineData(0, 4096)]
    [InlineData(200, 300)]
    [InlineData(4096, 4096)]
    [InlineData(65536, 0)]
    public async Task Node_understands_our_fields_and_we_understand_its(int nodeTable, int ourTable)
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        using Process node = Start(nodeTable);
        try
        {
            using var conversation = new Conversation(ourTable, new Random(nodeTable + ourTable));
            await node.StandardInput.BaseStream.WriteAsync(conversation.Open(), deadline.Token);
            await node.StandardInput.BaseStream.FlushAsync(deadline.Token);

            // Bytes of arbitrary pieces, as the pipe has them.
            byte[] buffer = new byte[3000];
            while (conversation.Answered < Requests)
            {
                int count = await node.StandardOutput.BaseStream.ReadAsync(buffer, deadline.Token);
                Assert.True(count > 0, "node ended early");
                byte[] reply = conversation.Take(buffer.AsSpan(0, count));
                await node.StandardInput.BaseStream.WriteAsync(reply, deadline.Token);
                await node.StandardInput.BaseStream.FlushAsync(deadline.Token);
            }
        }
        finally
        {
            node.Kill();
        }
    }

    private static Process Start(int tableSize)
    {
        var start = new ProcessStartInfo("node", [Path.Combine(AppContext.BaseDirectory, "Wire", "hpack-echo.mjs"), $"{tableSize}"])
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        };
        return Process.Start(start)!;
    }

    /// <summary>The client's side: asks once the server's settings are known, and checks each answer against its question.</summary>
    private sealed class Conversation(int ourTable, Random random) : IDisposable
    {
        private readonly FrameReader _frames = new(false, 16384, 65536);
        private readonly HpackEncoder _encoder = new();
        private readonly HpackDecoder _decoder = new(ourTable, 65536);
        private readonly Dictionary<int, string[]> _expected = [];
        private readonly HeaderList _received = new();

        public int Answered { get; private set; }

        public void Dispose() => _frames.Dispose();

        public byte[] Open()
        {
            byte[] settings = new byte[FrameWriter.SettingsLength(1)];
            FrameWriter.WriteSettings(settings, [new Setting(SettingId.HeaderTableSize, (uint)ourTable)]);
            return [.. ConnectionPreface.Bytes, .. settings];
        }

        public byte[] Take(ReadOnlySpan<byte> input)
        {
            var reply = new List<byte>();
            while (true)
            {
                FrameReadStatus status = _frames.Read(input, out int consumed, out FrameSlice frame);
                input = input[consumed..];
                Assert.NotEqual(FrameReadStatus.Violation, status);
                if (status == FrameReadStatus.NeedMore)
                    return [.. reply];
                if (frame.Header.Type == FrameType.Settings && !frame.Header.Has(FrameFlags.Ack))
                    Ask(frame, reply);
                else if (frame.Header.Type == FrameType.Headers)
                    Check(frame);
                else
                    Assert.NotEqual(FrameType.GoAway, frame.Header.Type);
            }
        }

        private void Ask(FrameSlice frame, List<byte> reply)
        {
            Assert.Null(FramePayload.CheckSettings(frame.Header, frame.Payload, fromServer: true));
            foreach (Setting setting in FramePayload.Settings(frame.Payload))
            {
                if (setting.Id == SettingId.HeaderTableSize)
                    _encoder.SetPeerTableSize(setting.Value);
            }

            byte[] ack = new byte[FrameHeader.Size];
            FrameWriter.WriteSettingsAck(ack);
            reply.AddRange(ack);
            for (int i = 0; i < Requests; i++)
                reply.AddRange(Request(1 + (2 * i)));
        }

        private byte[] Request(int stream)
        {
            string authority = $"10.0.{random.Next(3)}.{random.Next(5)}:80";
            var names = Enumerable.Range(0, random.Next(6)).Select(i => $"x-{random.Next(8)}-{i}");
            string[] regular = [.. names.Select(name => $"{name}: {Text(random.Next(4) == 0 ? 200 : 3)}")];
            HeaderIndexing indexing = (HeaderIndexing)random.Next(4);
            HeaderList list = Fields.List(indexing, [":method: CONNECT", $":authority: {authority}", .. regular]);
            _expected[stream] = [$"x-pseudo: CONNECT {authority}", .. regular.Select(line => $"echo-{line}")];

            byte[] block = Fields.Encode(_encoder, list);
            byte[] frames = new byte[FrameWriter.HeadersLength(block.Length, 16384)];
            FrameWriter.WriteHeaders(frames, stream, endStream: false, block, 16384);
            return frames;
        }

        private void Check(FrameSlice frame)
        {
            Assert.True(frame.Header.Has(FrameFlags.EndHeaders));
            Assert.Null(FramePayload.ReadHeaders(frame.Header, frame.Payload, out ReadOnlySpan<byte> block));
            _received.Clear();
            Assert.Null(_decoder.Decode(block, _received));
            Assert.Null(HeaderRules.CheckResponse(_received, out int status));
            Assert.Equal(200, status);
            string[] echoed = Array.FindAll(Fields.Lines(_received), line => line[0] is 'x' or 'e');
            Assert.Equal(_expected[frame.Header.StreamId], echoed);
            Answered++;
        }

        // Any character a value may have, visible ASCII mostly, so that all code lengths occur.
        private string Text(int length)
        {
            char[] text = new char[random.Next(length) + 1];
            for (int i = 0; i < text.Length; i++)
                text[i] = (char)random.Next('!', 0x7f);
            return new string(text);
        }
    }
}
