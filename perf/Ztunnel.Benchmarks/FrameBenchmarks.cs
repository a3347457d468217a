using BenchmarkDotNet.Attributes;
using Ztunnel.Hbone.Wire;

namespace Ztunnel.Benchmarks;

/// <summary>Parsing frame headers: alone, and through the reader that cuts frames out of a byte stream. Allocated must stay 0.</summary>
[MemoryDiagnoser]
public class FrameBenchmarks : IDisposable
{
    private const int Frames = 64;

    private readonly byte[] _header = new byte[FrameHeader.Size];
    private readonly byte[] _stream = new byte[Frames * (FrameHeader.Size + 1000)];
    private readonly FrameReader _reader = new(expectPreface: false, maxFrameSize: 1 << 20, maxHeaderFragment: 65536);

    [GlobalSetup]
    public void Setup()
    {
        var header = new FrameHeader(1000, FrameType.Data, FrameFlags.None, 1);
        header.Write(_header);
        for (int i = 0; i < Frames; i++)
            header.Write(_stream.AsSpan(i * (FrameHeader.Size + 1000)));
    }

    [GlobalCleanup]
    public void Dispose()
    {
        _reader.Dispose();
        GC.SuppressFinalize(this);
    }

    [Benchmark]
    public int ParseHeader()
    {
        FrameHeader.TryRead(_header, out FrameHeader header);
        return header.Length;
    }

    [Benchmark(OperationsPerInvoke = Frames)]
    public int ReadDataFrame() => ReadAll(_stream);

    // Every frame split in its header and in its payload.
    [Benchmark(OperationsPerInvoke = Frames)]
    public int ReadSplitDataFrame()
    {
        int bytes = 0;
        for (int offset = 0; offset < _stream.Length; offset += 505)
            bytes += ReadAll(_stream.AsSpan(offset, Math.Min(505, _stream.Length - offset)));
        return bytes;
    }

    private int ReadAll(ReadOnlySpan<byte> input)
    {
        int bytes = 0;
        while (_reader.Read(input, out int consumed, out FrameSlice frame) == FrameReadStatus.Frame)
        {
            bytes += frame.Payload.Length;
            input = input[consumed..];
        }

        return bytes;
    }
}
