using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using Microsoft.Extensions.Logging;
using Ztunnel.Mesh;

namespace Ztunnel.Gateway;

/// <summary>
/// What policies that are only watched, being dry-run or AUDIT, found of the requests through a gateway: each is logged where it
/// would have refused one or matched it, and all are counted. A policy that is changed begins anew. Safe from any thread.
/// </summary>
public sealed partial class RequestObservations(ILogger logger)
{
    private readonly ConditionalWeakTable<AuthorizationPolicy, Counters> _counters = [];

    /// <summary>How many requests a policy would have let through or refused, or has matched; null where it has found nothing yet.</summary>
    public (long WouldAllow, long WouldDeny, long Audited)? Of(AuthorizationPolicy policy) =>
        _counters.TryGetValue(policy, out Counters? counters) ? counters.Read() : null;

    internal void Note(ImmutableArray<PolicyObservation> observations, string method, in HttpPath path, in ConnectionFacts connection)
    {
        foreach ((AuthorizationPolicy policy, ObservedOutcome outcome) in observations)
        {
            _counters.GetValue(policy, static _ => new Counters()).Count(outcome);
            string client = connection.SourceIdentity?.ToString() ?? "no identity";
            if (outcome == ObservedOutcome.WouldDeny)
                LogWouldDeny(policy.Name, method, path.Text, client);
            else if (outcome == ObservedOutcome.Audited)
                LogAudited(policy.Name, method, path.Text, client);
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "dry run: {Policy} would have refused {Method} {Path} of {Client}")]
    private partial void LogWouldDeny(PolicyName policy, string method, string path, string client);

    [LoggerMessage(Level = LogLevel.Information, Message = "audit: {Policy} matches {Method} {Path} of {Client}")]
    private partial void LogAudited(PolicyName policy, string method, string path, string client);

    private sealed class Counters
    {
        private readonly long[] _counts = new long[Enum.GetValues<ObservedOutcome>().Length];

        public void Count(ObservedOutcome outcome) => Interlocked.Increment(ref _counts[(int)outcome]);

        public (long WouldAllow, long WouldDeny, long Audited) Read() => (
            Interlocked.Read(ref _counts[(int)ObservedOutcome.WouldAllow]),
            Interlocked.Read(ref _counts[(int)ObservedOutcome.WouldDeny]),
            Interlocked.Read(ref _counts[(int)ObservedOutcome.Audited]));
    }
}
