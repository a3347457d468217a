using System.Text;

namespace Ztunnel;

/// <summary>A log output kept in memory, line by line: what the demo and the tests look for lines in. Safe from any thread.</summary>
internal sealed class LogLines : Stream
{
    private readonly Lock _gate = new();
    private readonly StringBuilder _text = new();
    private TextWriter? _copy;

    public IReadOnlyList<string> All => ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries);

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    public string? FirstOrDefault(Func<string, bool> wanted) => All.FirstOrDefault(wanted);

    /// <summary>Writes what comes from now on to <paramref name="output"/> too.</summary>
    public void CopyTo(TextWriter output)
    {
        lock (_gate)
            _copy = output;
    }

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        string text = Encoding.UTF8.GetString(buffer);
        lock (_gate)
        {
            _text.Append(text);
            _copy?.Write(text);
            _copy?.Flush();
        }
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
