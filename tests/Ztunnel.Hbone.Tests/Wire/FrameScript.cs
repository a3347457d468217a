using System.Text;
using Ztunnel.Hbone.Wire;

namespace Ztunnel.Hbone.Tests.Wire;

/// <summary>Builds byte streams of frames and reads them back as lines of text that do not depend on how the stream was split.</summary>
internal static class FrameScript
{
    public static byte[] Frame(FrameType type, FrameFlags flags, int stream, params ReadOnlySpan<byte> payload)
    {
        byte[] frame = new byte[FrameHeader.Size + payload.Length];
        new FrameHeader(payload.Length, type, flags, stream).Write(frame);
        payload.CopyTo(frame.AsSpan(FrameHeader.Size));
        return frame;
    }

    /// <summary>Feeds the pieces one after the other. DATA pieces are joined; a violation is the last line.</summary>
    public static List<string> Read(FrameReader reader, IEnumerable<byte[]> pieces)
    {
        var lines = new List<string>();
        var data = new StringBuilder();
        foreach (byte[] piece in pieces)
        {
            // Memory of its own, gone afterwards: what the reader keeps it must have copied.
            byte[] input = [.. piece];
            int offset = 0;
            while (true)
            {
                FrameReadStatus status = reader.Read(input.AsSpan(offset), out int consumed, out FrameSlice frame);
                Assert.InRange(consumed, 0, input.Length - offset);
                offset += consumed;
                if (status == FrameReadStatus.NeedMore)
                    break;
                if (status == FrameReadStatus.Violation)
                {
                    lines.Add(reader.Violation!.Detail);
                    return lines;
                }

                Add(lines, data, frame);
            }

            Assert.Equal(input.Length, offset);
            input.AsSpan().Fill(0xee);
        }

        return lines;
    }

    private static void Add(List<string> lines, StringBuilder data, FrameSlice frame)
    {
        if (frame.Header.Type != FrameType.Data)
        {
            Assert.True(frame.IsFirst && frame.IsLast);
            lines.Add($"{frame.Header} {Convert.ToHexStringLower(frame.Payload)}");
            return;
        }

        Assert.Equal(frame.IsFirst, data.Length == 0);
        if (frame.IsFirst)
            data.Append(frame.Header).Append(' ');
        data.Append(Convert.ToHexStringLower(frame.Payload));
        if (!frame.IsLast)
            return;
        lines.Add(data.ToString());
        data.Clear();
    }
}
