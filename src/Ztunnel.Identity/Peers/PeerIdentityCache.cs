using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Ztunnel.Identity;

/// <summary>
/// Remembers what certificates say, by their SHA-256, so that a peer's is parsed once and not at every handshake. Bounded
/// by two generations: when the young one is full the old one is forgotten, so what is used stays. Safe from any thread.
/// </summary>
internal sealed class PeerIdentityCache(int capacity)
{
    private readonly Lock _gate = new();
    private volatile Generation _young = new();
    private volatile Generation _old = new();

    /// <summary>How many certificates are remembered; at most twice the capacity, and a few more while threads race.</summary>
    public int Count => _young.Entries.Count + _old.Entries.Count;

    public PeerIdentity Get(ReadOnlyMemory<byte> der)
    {
        Digest digest = Digest.Of(der.Span);
        Generation young = _young;
        if (young.Entries.TryGetValue(digest, out PeerIdentity? known))
            return known;
        if (!_old.Entries.TryGetValue(digest, out known))
            known = PeerIdentity.Read(der);
        if (young.Entries.TryAdd(digest, known) && Interlocked.Increment(ref young.Added) >= capacity)
            TurnOver(young);
        return known;
    }

    private void TurnOver(Generation full)
    {
        lock (_gate)
        {
            if (_young != full)
                return;
            _old = full;
            _young = new Generation();
        }
    }

    private sealed class Generation
    {
        public readonly ConcurrentDictionary<Digest, PeerIdentity> Entries = new();
        public int Added;
    }

    private readonly record struct Digest(UInt128 High, UInt128 Low)
    {
        public static Digest Of(ReadOnlySpan<byte> bytes)
        {
            Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
            SHA256.HashData(bytes, hash);
            return MemoryMarshal.Read<Digest>(hash);
        }
    }
}
