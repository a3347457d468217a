using BenchmarkDotNet.Attributes;
using Ztunnel.Hbone.Wire;

namespace Ztunnel.Benchmarks;

/// <summary>
/// The CONNECT that opens each tunnel, over a long-lived pair of tables: repeated (what a pooled connection carries), and with
/// an authority that is new each time and Huffman-coded (the worst of what a peer sends). Allocated must stay 0.
/// </summary>
[MemoryDiagnoser]
public class HpackBenchmarks
{
    private readonly HeaderList _repeated = new();
    private readonly HeaderList _fresh = new();
    private readonly HeaderList _received = new();
    private readonly byte[] _block = new byte[1024];
    private HpackEncoder _encoder = new();
    private HpackDecoder _decoder = new(4096, 16384);
    private byte[] _indexedBlock = [];
    private byte[] _literalBlock = [];
    private byte[][] _authorities = [];
    private int _next;

    [GlobalSetup]
    public void Setup()
    {
        _encoder = new HpackEncoder();
        _decoder = new HpackDecoder(4096, 16384);
        FillConnect(_repeated, "10.244.1.7:8080"u8, HeaderIndexing.Default);
        _authorities = [.. Enumerable.Range(0, 256).Select(i => System.Text.Encoding.ASCII.GetBytes($"10.244.{i}.7:8080"))];

        // Literals without indexing decode the same every time.
        FillConnect(_fresh, "10.244.1.7:8080"u8, HeaderIndexing.None);
        _literalBlock = Encode(_fresh);
        Decode(Encode(_repeated));
        _indexedBlock = Encode(_repeated);
    }

    [Benchmark]
    public int EncodeRepeatedConnect() => _encoder.Encode(_repeated, _block);

    [Benchmark]
    public int EncodeConnectToANewAuthority()
    {
        FillConnect(_fresh, _authorities[_next++ & 0xff], HeaderIndexing.Default);
        return _encoder.Encode(_fresh, _block);
    }

    [Benchmark]
    public string? DecodeRepeatedConnect() => Decode(_indexedBlock);

    [Benchmark]
    public string? DecodeConnectOfHuffmanLiterals() => Decode(_literalBlock);

    private static void FillConnect(HeaderList list, ReadOnlySpan<byte> authority, HeaderIndexing indexing)
    {
        list.Clear();
        list.Add(new HeaderField(KnownHeader.Method, "CONNECT"u8, indexing));
        list.Add(new HeaderField(KnownHeader.Authority, authority, indexing));
        list.Add(new HeaderField(
            KnownHeader.Baggage,
            "k8s.cluster.name=Kubernetes,k8s.namespace.name=demo,k8s.deployment.name=client,service.name=client,service.version=v1"u8,
            indexing));
    }

    private byte[] Encode(HeaderList list) => _block[.._encoder.Encode(list, _block)];

    // As the connection does it: decode, check, take the authority as text.
    private string? Decode(ReadOnlySpan<byte> block)
    {
        _received.Clear();
        Violation? violation = _decoder.Decode(block, _received) ?? HeaderRules.CheckRequest(_received, out _);
        if (violation is not null)
            throw new InvalidOperationException("The block is not a CONNECT.");
        return _received.GetText(KnownHeader.Authority);
    }
}
