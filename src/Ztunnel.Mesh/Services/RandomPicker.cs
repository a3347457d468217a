namespace Ztunnel.Mesh;

/// <summary>Picks every ready endpoint with the same probability. For one thread; the same seed gives the same sequence.</summary>
public sealed class RandomPicker(ulong seed) : IEndpointPicker
{
    private ulong _state = seed;

    /// <inheritdoc/>
    public int Pick(ReadOnlySpan<Endpoint> ready)
    {
        // SplitMix64 (Steele, Lea, Flood 2014): full period from any seed, including 0, and a handful of instructions.
        _state += 0x9E37_79B9_7F4A_7C15;
        ulong z = _state;
        z = (z ^ (z >> 30)) * 0xBF58_476D_1CE4_E5B9;
        z = (z ^ (z >> 27)) * 0x94D0_49BB_1331_11EB;
        z ^= z >> 31;
        return (int)Math.BigMul(z, (ulong)ready.Length, out _);
    }
}
