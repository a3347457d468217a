using Ztunnel.Mesh;

namespace Ztunnel.Gateway;

/// <summary>
/// Draws two endpoints at random and takes the one with fewer requests of this loop (Mitzenmacher, "The Power of Two Choices
/// in Randomized Load Balancing"); a client with affinity gets the endpoint that hashes highest with it. Loop thread only.
/// </summary>
internal sealed class LeastRequestsPicker(Func<Route, int> requestsOn) : IEndpointPicker
{
    private const int Draws = 4;

    /// <summary>Endpoints that are not to be used: those that were tried for the request at hand.</summary>
    public List<Endpoint> Tried { get; } = [];

    /// <inheritdoc/>
    public Route? Pick(in EndpointChoice choice)
    {
        if (choice.Candidates.IsEmpty)
            return null;
        if (choice.Affinity is { } affinity)
            return Highest(choice, affinity)?.Route;
        Endpoint? first = Draw(choice, null);
        Endpoint? second = first is null || choice.Candidates.Length == 1 ? null : Draw(choice, first);
        return second?.Route is { } other && first?.Route is { } one && requestsOn(other) < requestsOn(one) ? other : first?.Route;
    }

    private Endpoint? Draw(in EndpointChoice choice, Endpoint? other)
    {
        ReadOnlySpan<Endpoint> candidates = choice.Candidates;
        for (int draw = 0; draw < Draws && candidates.Length > 1; draw++)
        {
            Endpoint candidate = candidates[Random.Shared.Next(candidates.Length)];
            if (candidate != other && WillDo(candidate, choice))
                return candidate;
        }

        int start = Random.Shared.Next(candidates.Length);
        for (int i = 0; i < candidates.Length; i++)
        {
            Endpoint candidate = candidates[(start + i) % candidates.Length];
            if (candidate != other && WillDo(candidate, choice))
                return candidate;
        }

        return null;
    }

    private Endpoint? Highest(in EndpointChoice choice, ulong affinity)
    {
        Endpoint? highest = null;
        int most = 0;
        foreach (Endpoint candidate in choice.Candidates)
        {
            int weight = HashCode.Combine(affinity, candidate.Hash);
            if (WillDo(candidate, choice) && (highest is null || weight > most))
            {
                highest = candidate;
                most = weight;
            }
        }

        return highest;
    }

    private bool WillDo(Endpoint candidate, in EndpointChoice choice) => choice.Allows(candidate) && !Tried.Contains(candidate);
}
