using System.Runtime.InteropServices;
using Ztunnel.Mesh;

namespace Ztunnel.Proxy;

/// <summary>
/// Draws two endpoints at random and takes the one with fewer connections of this loop (Mitzenmacher, "The Power of Two
/// Choices in Randomized Load Balancing"). A client with affinity gets the endpoint that hashes highest with it instead
/// (rendezvous hashing), so that an endpoint that comes or goes moves its own clients only. What has been ejected is left out.
/// Loop thread only.
/// </summary>
internal sealed class LeastConnectionsPicker(Ejections ejections, ulong seed) : IEndpointPicker
{
    /// <summary>How often a random draw may hit an endpoint that will not do before all are looked at.</summary>
    private const int Draws = 4;

    private readonly Dictionary<Endpoint, int> _open = [];
    private ulong _random = seed;

    /// <inheritdoc/>
    public Route? Pick(in EndpointChoice choice) => Pick(choice, []);

    /// <summary>This picker, without the endpoints of <paramref name="tried"/>.</summary>
    public IEndpointPicker Without(List<Endpoint> tried) => new Rest(this, tried);

    /// <summary>How many connections of this loop an endpoint has.</summary>
    public int OpenOf(Endpoint endpoint) => _open.GetValueOrDefault(endpoint);

    /// <summary>A connection is being made to an endpoint.</summary>
    public void Enter(Endpoint endpoint) => CollectionsMarshal.GetValueRefOrAddDefault(_open, endpoint, out _)++;

    /// <summary>A connection to an endpoint ended, or could not be made.</summary>
    public void Leave(Endpoint endpoint)
    {
        ref int open = ref CollectionsMarshal.GetValueRefOrNullRef(_open, endpoint);
        if (--open == 0)
            _open.Remove(endpoint);
    }

    private Route? Pick(in EndpointChoice choice, ReadOnlySpan<Endpoint> tried)
    {
        if (choice.Candidates.IsEmpty)
            return null;
        if (choice.Affinity is { } affinity)
            return Highest(choice, tried, affinity)?.Route;
        Endpoint? first = Draw(choice, tried, null);
        Endpoint? second = first is null || choice.Candidates.Length == 1 ? null : Draw(choice, tried, first);
        return (second is not null && OpenOf(second) < OpenOf(first!) ? second : first)?.Route;
    }

    private Endpoint? Draw(in EndpointChoice choice, ReadOnlySpan<Endpoint> tried, Endpoint? other)
    {
        ReadOnlySpan<Endpoint> candidates = choice.Candidates;
        for (int draw = 0; draw < Draws && candidates.Length > 1; draw++)
        {
            Endpoint candidate = candidates[Below(candidates.Length)];
            if (candidate != other && WillDo(candidate, choice, tried, Next()))
                return candidate;
        }

        int start = Below(candidates.Length);
        for (int i = 0; i < candidates.Length; i++)
        {
            Endpoint candidate = candidates[(start + i) % candidates.Length];
            if (candidate != other && WillDo(candidate, choice, tried, Next()))
                return candidate;
        }

        return null;
    }

    private Endpoint? Highest(in EndpointChoice choice, ReadOnlySpan<Endpoint> tried, ulong affinity)
    {
        Endpoint? highest = null;
        ulong most = 0;
        foreach (Endpoint candidate in choice.Candidates)
        {
            ulong weight = BitMix.Of(affinity ^ candidate.Hash);
            // The weight again decides who returns early to an endpoint that is let in by degrees: always the same clients.
            if ((highest is null || weight > most) && WillDo(candidate, choice, tried, BitMix.Of(weight)))
            {
                highest = candidate;
                most = weight;
            }
        }

        return highest;
    }

    private bool WillDo(Endpoint candidate, in EndpointChoice choice, ReadOnlySpan<Endpoint> tried, ulong dice)
    {
        if (!choice.Allows(candidate) || tried.Contains(candidate))
            return false;
        if (choice.LastResort)
            return true;
        double share = ejections.ShareOf(candidate);
        return share >= 1 || (dice >> 11) * (1.0 / (1UL << 53)) < share;
    }

    private int Below(int bound) => (int)Math.BigMul(Next(), (ulong)bound, out _);

    // SplitMix64 (Steele, Lea, Flood 2014): full period from any seed, including 0, and a handful of instructions.
    private ulong Next() => BitMix.Of(_random += BitMix.Step);

    private sealed class Rest(LeastConnectionsPicker all, List<Endpoint> tried) : IEndpointPicker
    {
        public Route? Pick(in EndpointChoice choice) => all.Pick(choice, CollectionsMarshal.AsSpan(tried));
    }
}
