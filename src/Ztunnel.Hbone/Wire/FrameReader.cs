using System.Buffers;
using System.Runtime.CompilerServices;

namespace Ztunnel.Hbone.Wire;

/// <summary>What one step of a <see cref="FrameReader"/> found.</summary>
public enum FrameReadStatus
{
    /// <summary>All input was taken and no frame is complete; call again with further bytes.</summary>
    NeedMore,

    /// <summary>A <see cref="FrameSlice"/> was produced; call again with what of the input is left.</summary>
    Frame,

    /// <summary>
    /// The peer broke the protocol at connection scope; <see cref="FrameReader.Violation"/> says how. Reading is over.
    /// </summary>
    Violation,
}

/// <summary>
/// Cuts a byte stream, split anywhere, into frames. DATA passes through in pieces as it comes; every other frame is
/// delivered whole, straight out of the input if it lies there in one piece, else assembled in a rented buffer that is
/// given back by the next call. Checks what the header alone decides: sizes, stream 0 or not, PUSH_PROMISE. What depends
/// on the connection's state (first frame SETTINGS, CONTINUATION order, stream states) is the connection's.
/// </summary>
public sealed class FrameReader : IDisposable
{
    /// <summary>The least that SETTINGS_MAX_FRAME_SIZE can be, and what holds until it is set (RFC 9113 section 6.5.2).</summary>
    public const int MinMaxFrameSize = 16_384;

    /// <summary>Bytes of a GOAWAY that are kept: the eight fixed ones and the beginning of the debug data.</summary>
    public const int MaxGoAwayPayload = FramePayload.GoAwayFixedSize + 256;

    /// <summary>Longest SETTINGS payload that is taken; real peers send under a hundred bytes.</summary>
    public const int MaxSettingsPayload = 128 * Setting.Size;

    private readonly int _maxFrameSize;
    private readonly int _maxHeaderFragment;
    private Phase _phase;
    private FrameHeader _header;

    // Preface or header bytes matched or kept so far.
    private int _headFilled;
    private PartialHeader _head;

    // DATA: bytes still to be passed on. Other frames: bytes to deliver, of which _assembled are in the buffer.
    private int _left;
    private bool _isFirst;
    private int _assembled;
    private byte[]? _buffer;

    // Bytes to drop before the next header: padding, or a payload nobody wants.
    private int _skip;

    /// <summary>Makes a reader.</summary>
    /// <param name="expectPreface">True on a server: the stream starts with <see cref="ConnectionPreface.Bytes"/>.</param>
    /// <param name="maxFrameSize">What we advertise as SETTINGS_MAX_FRAME_SIZE, 16,384 to 2^24-1.</param>
    /// <param name="maxHeaderFragment">Longest HEADERS or CONTINUATION payload that is taken, in bytes.</param>
    public FrameReader(bool expectPreface, int maxFrameSize, int maxHeaderFragment)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(maxFrameSize, MinMaxFrameSize);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(maxFrameSize, FrameHeader.MaxLength);
        ArgumentOutOfRangeException.ThrowIfNegative(maxHeaderFragment);
        _phase = expectPreface ? Phase.Preface : Phase.Header;
        _maxFrameSize = maxFrameSize;
        _maxHeaderFragment = maxHeaderFragment;
    }

    private enum Phase : byte
    {
        Preface,
        Header,
        PadLength,
        Data,
        Payload,
        Skip,
        Failed,
    }

    /// <summary>Why <see cref="Read"/> returned <see cref="FrameReadStatus.Violation"/>.</summary>
    public Violation? Violation { get; private set; }

    /// <summary>
    /// Takes one step. <paramref name="consumed"/> bytes of <paramref name="input"/> are done with; call again with the rest
    /// until <see cref="FrameReadStatus.NeedMore"/>, which leaves no buffer rented unless a frame is under way. An empty
    /// <paramref name="input"/> is allowed.
    /// </summary>
    public FrameReadStatus Read(ReadOnlySpan<byte> input, out int consumed, out FrameSlice frame)
    {
        if (_phase != Phase.Payload)
            ReturnBuffer();
        consumed = 0;
        frame = default;
        while (true)
        {
            ReadOnlySpan<byte> rest = input[consumed..];
            Phase phase = _phase;
            switch (phase)
            {
                case Phase.Preface:
                    consumed += TakePreface(rest);
                    break;
                case Phase.Header:
                    consumed += TakeHeader(rest);
                    break;
                case Phase.PadLength when !rest.IsEmpty:
                    consumed++;
                    BeginData(_header.Length - 1, rest[0]);
                    break;
                case Phase.Data when _left == 0 || !rest.IsEmpty:
                    frame = TakeData(rest);
                    consumed += frame.Payload.Length;
                    return FrameReadStatus.Frame;
                case Phase.Payload when TryTakePayload(rest, ref consumed, out ReadOnlySpan<byte> payload):
                    frame = new FrameSlice { Header = _header, Payload = payload, IsFirst = true, IsLast = true };
                    return FrameReadStatus.Frame;
                case Phase.Skip:
                    consumed += TakeSkipped(rest);
                    break;
                case Phase.Failed:
                    return FrameReadStatus.Violation;
                default:
                    break;
            }

            // A step that did not reach the next phase had too little input, and has taken all of it.
            if (_phase == phase)
                return FrameReadStatus.NeedMore;
        }
    }

    /// <summary>Gives back the assembly buffer.</summary>
    public void Dispose()
    {
        _phase = Phase.Failed;
        ReturnBuffer();
    }

    private int TakePreface(ReadOnlySpan<byte> rest)
    {
        ReadOnlySpan<byte> expected = ConnectionPreface.Bytes[_headFilled..];
        int count = Math.Min(expected.Length, rest.Length);
        if (!rest[..count].SequenceEqual(expected[..count]))
        {
            Fail(Violations.PrefaceInvalid);
            return 0;
        }

        _headFilled += count;
        if (_headFilled == ConnectionPreface.Bytes.Length)
        {
            _headFilled = 0;
            _phase = Phase.Header;
        }

        return count;
    }

    private int TakeHeader(ReadOnlySpan<byte> rest)
    {
        if (_headFilled == 0 && FrameHeader.TryRead(rest, out FrameHeader header))
        {
            BeginFrame(header);
            return FrameHeader.Size;
        }

        Span<byte> head = _head;
        int count = Math.Min(FrameHeader.Size - _headFilled, rest.Length);
        rest[..count].CopyTo(head[_headFilled..]);
        _headFilled += count;
        if (_headFilled == FrameHeader.Size)
        {
            _headFilled = 0;
            FrameHeader.TryRead(head, out header);
            BeginFrame(header);
        }

        return count;
    }

    private void BeginFrame(in FrameHeader header)
    {
        _header = header;
        if (Check(header) is { } violation)
            Fail(violation);
        else if (header.Type != FrameType.Data)
            BeginPayload(header);
        else if (!header.Has(FrameFlags.Padded))
            BeginData(header.Length, 0);
        else if (header.Length == 0)
            Fail(Violations.PadLengthMissing);
        else
            _phase = Phase.PadLength;
    }

    private Violation? Check(in FrameHeader header)
    {
        if (header.Length > _maxFrameSize)
            return Violations.FrameTooLarge;
        switch (header.Type)
        {
            case FrameType.Data or FrameType.Priority or FrameType.ResetStream:
                return header.StreamId == 0 ? Violations.StreamIdZero : null;
            case FrameType.Headers or FrameType.Continuation:
                if (header.StreamId == 0)
                    return Violations.StreamIdZero;
                return header.Length > _maxHeaderFragment ? Violations.FieldBlockTooLarge : null;
            case FrameType.Settings:
                if (header.StreamId != 0)
                    return Violations.StreamIdNotZero;
                return header.Length > MaxSettingsPayload ? Violations.SettingsTooMany : null;
            case FrameType.Ping or FrameType.GoAway:
                return header.StreamId != 0 ? Violations.StreamIdNotZero : null;
            case FrameType.PushPromise:
                return Violations.PushPromise;
            default:
                return null;
        }
    }

    private void BeginData(int room, int padding)
    {
        if (padding > room)
        {
            Fail(Violations.PaddingTooLong);
            return;
        }

        _left = room - padding;
        _skip = padding;
        _isFirst = true;
        _phase = Phase.Data;
    }

    private FrameSlice TakeData(ReadOnlySpan<byte> rest)
    {
        ReadOnlySpan<byte> piece = rest[..Math.Min(_left, rest.Length)];
        _left -= piece.Length;
        var slice = new FrameSlice { Header = _header, Payload = piece, IsFirst = _isFirst, IsLast = _left == 0 };
        _isFirst = false;
        if (_left == 0)
            EndFrame();
        return slice;
    }

    private void BeginPayload(in FrameHeader header)
    {
        _left = header.Type switch
        {
            FrameType.Headers or FrameType.Continuation or FrameType.Settings => header.Length,
            FrameType.Ping when header.Length == FramePayload.PingSize => header.Length,
            FrameType.ResetStream when header.Length == FramePayload.ResetStreamSize => header.Length,
            FrameType.WindowUpdate when header.Length == FramePayload.WindowUpdateSize => header.Length,
            FrameType.GoAway => Math.Min(header.Length, MaxGoAwayPayload),
            _ => 0,
        };
        _skip = header.Length - _left;
        _phase = Phase.Payload;
    }

    private bool TryTakePayload(ReadOnlySpan<byte> rest, scoped ref int consumed, out ReadOnlySpan<byte> payload)
    {
        if (_assembled == 0 && rest.Length >= _left)
        {
            payload = rest[.._left];
            consumed += _left;
            EndFrame();
            return true;
        }

        int count = Math.Min(_left - _assembled, rest.Length);
        Assemble(rest[..count]);
        consumed += count;
        if (_assembled < _left)
        {
            payload = default;
            return false;
        }

        payload = _buffer.AsSpan(0, _left);
        _assembled = 0;
        EndFrame();
        return true;
    }

    // The buffer grows with what has come, not with what was announced: nine bytes from a peer must not cost us the limit.
    private void Assemble(ReadOnlySpan<byte> bytes)
    {
        if (bytes.IsEmpty)
            return;
        int needed = _assembled + bytes.Length;
        if (_buffer is null || _buffer.Length < needed)
        {
            byte[] larger = ArrayPool<byte>.Shared.Rent(Math.Min(_left, Math.Max(256, 2 * needed)));
            _buffer.AsSpan(0, _assembled).CopyTo(larger);
            ReturnBuffer();
            _buffer = larger;
        }

        bytes.CopyTo(_buffer.AsSpan(_assembled));
        _assembled = needed;
    }

    private void EndFrame() => _phase = _skip == 0 ? Phase.Header : Phase.Skip;

    private int TakeSkipped(ReadOnlySpan<byte> rest)
    {
        int count = Math.Min(_skip, rest.Length);
        _skip -= count;
        if (_skip == 0)
            _phase = Phase.Header;
        return count;
    }

    private void Fail(Violation violation)
    {
        Violation = violation;
        _phase = Phase.Failed;
    }

    private void ReturnBuffer()
    {
        if (_buffer is null)
            return;
        ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = null;
    }

    [InlineArray(FrameHeader.Size)]
    private struct PartialHeader
    {
        private byte _first;
    }
}
