using System.Text;

namespace Ztunnel;

/// <summary>A log output kept in memory, line by line: what the demo and the tests look for lines in. Safe from any thread.</summary>
internal sealed class LogLines : Stream
{
    private readonly Lock _gate = new();
    private readonly StringBuilder _text = new();

    public IReadOnlyList<string> All => ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries);

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    public string? FirstOrDefault(Func<string, bool> wanted) => All.FirstOrDefault(wanted);

    public override void Write(byte[] buffer, int offset, int count)
    {
        lock (_gate)
            _text.Append(Encoding.UTF8.GetString(buffer, offset, count));
    }

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        lock (_gate)
            _text.Append(Encoding.UTF8.GetString(buffer));
    }

    public override string ToString()
    {
        lock (_gate)
            return _text.ToString();
    }

    public override void Flush()
    {
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();
}
