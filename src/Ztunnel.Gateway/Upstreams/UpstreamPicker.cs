using System.Collections.Frozen;
using System.Net;
using Ztunnel.Mesh;

namespace Ztunnel.Gateway;

/// <summary>
/// Picks endpoints for requests as their service's rule says. Without one, draws two at random and takes the one with fewer
/// requests of this loop (Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing"). Requests with something to be
/// told by go to the endpoint that hashes highest with it (Thaler and Ravishankar, "A Name-Based Mapping Scheme for Rendezvous"),
/// so that an endpoint that comes or goes moves only its own share. Loop thread only.
/// </summary>
internal sealed class UpstreamPicker(Func<Route, int> requestsOn) : IEndpointPicker
{
    private const int Draws = 4;

    private IReadOnlyList<Endpoint> _tried = [];
    private FrozenSet<IPEndPoint>? _leftOut;
    private LoadBalancing _algorithm;
    private ulong? _affinity;
    private IPAddress? _client;
    private uint _turn;

    /// <summary>Gets ready for one request.</summary>
    /// <param name="traffic">What its service's rule says and has seen; null for no rule.</param>
    /// <param name="affinity">What it is told by; null for nothing.</param>
    /// <param name="client">Who sent it, for services that keep a client's requests together; null for the gateway itself.</param>
    /// <param name="tried">Endpoints that are not to be used; null for none.</param>
    public UpstreamPicker For(ServiceTraffic? traffic = null, ulong? affinity = null, IPAddress? client = null, IReadOnlyList<Endpoint>? tried = null)
    {
        _tried = tried ?? [];
        _leftOut = traffic?.LeftOut;
        _algorithm = traffic?.Policy.LoadBalancer?.Algorithm ?? LoadBalancing.LeastRequests;
        _turn = _algorithm == LoadBalancing.RoundRobin ? traffic!.NextTurn() : 0;
        _affinity = affinity;
        _client = client;
        return this;
    }

    /// <inheritdoc/>
    public Route? Pick(in EndpointChoice choice)
    {
        if (choice.Candidates.IsEmpty)
            return null;
        if ((_affinity ?? AffinityOfClient(choice)) is { } affinity)
            return Highest(choice, affinity)?.Route;
        return _algorithm switch
        {
            LoadBalancing.RoundRobin => InTurn(choice)?.Route,
            LoadBalancing.Random => Draw(choice, null)?.Route,
            _ => Quieter(choice),
        };
    }

    private ulong? AffinityOfClient(in EndpointChoice choice) =>
        choice.Affinity is not null && _client is not null ? NetworkAddress.From(_client).Hash : choice.Affinity;

    private Route? Quieter(in EndpointChoice choice)
    {
        Endpoint? first = Draw(choice, null);
        Endpoint? second = first is null || choice.Candidates.Length == 1 ? null : Draw(choice, first);
        return second?.Route is { } other && first?.Route is { } one && requestsOn(other) < requestsOn(one) ? other : first?.Route;
    }

    private Endpoint? InTurn(in EndpointChoice choice)
    {
        uint usable = 0;
        foreach (Endpoint candidate in choice.Candidates)
            usable += WillDo(candidate, choice) ? 1u : 0;
        uint before = usable == 0 ? 0 : _turn % usable;
        foreach (Endpoint candidate in choice.Candidates)
        {
            if (WillDo(candidate, choice) && before-- == 0)
                return candidate;
        }

        return null;
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
        ulong most = 0;
        foreach (Endpoint candidate in choice.Candidates)
        {
            ulong weight = StableHash.Combine(affinity, candidate.Hash);
            if (WillDo(candidate, choice) && (highest is null || weight > most))
            {
                highest = candidate;
                most = weight;
            }
        }

        return highest;
    }

    private bool WillDo(Endpoint candidate, in EndpointChoice choice) =>
        choice.Allows(candidate) && _leftOut?.Contains(candidate.Address) != true && !WasTried(candidate);

    private bool WasTried(Endpoint candidate)
    {
        for (int i = 0; i < _tried.Count; i++)
        {
            if (_tried[i] == candidate)
                return true;
        }

        return false;
    }
}
