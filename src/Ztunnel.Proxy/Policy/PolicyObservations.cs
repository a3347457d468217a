using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using Microsoft.Extensions.Logging;
using Ztunnel.Mesh;

namespace Ztunnel.Proxy;

/// <summary>
/// What policies that are only watched, being dry-run or AUDIT, found of the connections to this node's pods: each is logged
/// where it would have refused one or matched it, and all are counted. A policy that is changed begins anew. Safe from any
/// thread.
/// </summary>
public sealed partial class PolicyObservations
{
    private readonly ConditionalWeakTable<AuthorizationPolicy, Counters> _counters = [];
    private readonly ILogger _logger;

    internal PolicyObservations(ILogger logger) => _logger = logger;

    /// <summary>What a policy has found so far; null if nothing yet.</summary>
    public PolicyObservationCounts? Of(AuthorizationPolicy policy) =>
        _counters.TryGetValue(policy, out Counters? counters) ? counters.Read() : null;

    internal void Note(in InboundRequest request, ImmutableArray<PolicyObservation> observations)
    {
        foreach ((AuthorizationPolicy policy, ObservedOutcome outcome) in observations)
        {
            _counters.GetValue(policy, static _ => new Counters()).Count(outcome);
            string client = request.Identity?.ToString() ?? "plaintext";
            if (outcome == ObservedOutcome.WouldDeny)
                LogWouldDeny(policy.Name, request.Source, client, request.Destination);
            else if (outcome == ObservedOutcome.Audited)
                LogAudited(policy.Name, request.Source, client, request.Destination);
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "dry run: {Policy} would have refused {Source} ({Client}) to {Destination}")]
    private partial void LogWouldDeny(PolicyName policy, System.Net.IPAddress source, string client, System.Net.IPEndPoint destination);

    [LoggerMessage(Level = LogLevel.Information, Message = "audit: {Policy} matches {Source} ({Client}) to {Destination}")]
    private partial void LogAudited(PolicyName policy, System.Net.IPAddress source, string client, System.Net.IPEndPoint destination);

    private sealed class Counters
    {
        private readonly long[] _counts = new long[Enum.GetValues<ObservedOutcome>().Length];

        public void Count(ObservedOutcome outcome) => Interlocked.Increment(ref _counts[(int)outcome]);

        public PolicyObservationCounts Read() => new(
            Interlocked.Read(ref _counts[(int)ObservedOutcome.WouldAllow]),
            Interlocked.Read(ref _counts[(int)ObservedOutcome.WouldDeny]),
            Interlocked.Read(ref _counts[(int)ObservedOutcome.Audited]));
    }
}

/// <summary>How many connections a policy that is only watched would have let in or refused, or has matched.</summary>
public sealed record PolicyObservationCounts(long WouldAllow, long WouldDeny, long Audited);
