using Ztunnel.Mesh;

namespace Ztunnel.Gateway;

/// <summary>
/// When a request is sent again: what its route says, or what holds without that (Istio's default retry policy). What no backend
/// has seen anything of may always be sent again, and so may what a backend had given its connection up before.
/// </summary>
internal readonly struct RetryRule
{
    private const int DefaultRetries = 2;
    private const int MostWaits = 10;
    private static readonly TimeSpan FirstWait = TimeSpan.FromMilliseconds(25);

    private readonly RetryPolicy? _policy;
    private readonly bool _routed;

    private RetryRule(RetryPolicy? policy)
    {
        _policy = policy;
        _routed = true;
    }

    /// <summary>For what no route is for.</summary>
    public static RetryRule Unrouted => default;

    /// <summary>How many tries there may be after the first.</summary>
    public int Retries => _policy is null ? DefaultRetries : _policy.Attempts ?? DefaultRetries;

    /// <summary>Whether anything but a failure to connect is a reason, so that the body has to be kept.</summary>
    public bool NeedsBody => _routed && Retries > 0;

    /// <summary>For what a route is for; null where it says nothing.</summary>
    public static RetryRule Of(RetryPolicy? policy) => new(policy);

    /// <summary>Whether a try without an answer is a reason for another.</summary>
    public bool After(TryFailure failure) => failure is TryFailure.NotConnected or TryFailure.Stale || _policy is not null;

    /// <summary>Whether an answer is a reason for another try.</summary>
    /// <param name="status">Its status.</param>
    /// <param name="grpcStatus">Its gRPC status, where its head says so.</param>
    public bool AfterAnswer(int status, string? grpcStatus)
    {
        if (!_routed)
            return false;
        // Unavailable, and cancelled.
        if (grpcStatus is "14" or "1")
            return true;
        if (_policy is null)
            return status == 503;
        foreach (int code in _policy.Codes.AsSpan())
        {
            if (code == status)
                return true;
        }

        return false;
    }

    /// <summary>How long to wait before another try: ever longer, and not everybody the same.</summary>
    /// <param name="retry">Which it is after the first, from 1.</param>
    /// <param name="draw">A random number from 0 to 1.</param>
    public TimeSpan Wait(int retry, double draw)
    {
        double waits = draw * ((1L << Math.Min(retry, 30)) - 1);
        return _policy?.Backoff is { } least
            ? least * Math.Min(1 + waits, MostWaits)
            : FirstWait * Math.Min(waits, MostWaits);
    }
}

/// <summary>Why a try had no answer.</summary>
internal enum TryFailure
{
    /// <summary>There was no connection: the backend has seen nothing.</summary>
    NotConnected,

    /// <summary>The connection, which had carried requests before, broke without a word, and it does no harm to do this one twice.</summary>
    Stale,

    /// <summary>The connection ended, or what came was no HTTP.</summary>
    Broken,

    /// <summary>It took too long.</summary>
    TimedOut,
}
