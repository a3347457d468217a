using Ztunnel.Kubernetes;

namespace Ztunnel.Control;

/// <summary>
/// When an object that somebody else changes is set right: at once as a rule, and after growing waits where it does not stay as
/// it was set, so that two controllers that do not agree cost the API server little. Not safe from several threads.
/// </summary>
internal sealed class DriftBackoff(TimeProvider time, Random? random = null)
{
    /// <summary>The longest wait.</summary>
    public static readonly TimeSpan Longest = TimeSpan.FromMinutes(5);

    private static readonly TimeSpan First = TimeSpan.FromSeconds(1);

    // Fields that are not ours, such as replicas, may change often without harm; what is among them must not be late by much.
    private static readonly TimeSpan LongestHarmless = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan Quiet = TimeSpan.FromMinutes(1);

    // Whoever sets right his own mistake by hand is not fought with.
    private const int Fight = 3;

    private readonly Backoff _undoing = new(First, Longest, random);
    private readonly Backoff _looking = new(First, LongestHarmless, random);
    private DateTimeOffset _next = DateTimeOffset.MinValue;
    private DateTimeOffset _calm = DateTimeOffset.MinValue;
    private int _undone;

    /// <summary>How long it is until the object may be set right; nothing where it may be now.</summary>
    public TimeSpan Wait => _next - time.GetUtcNow() is { Ticks: > 0 } wait ? wait : TimeSpan.Zero;

    /// <summary>
    /// Notes that the object was written because somebody else had changed it, and whether that undid anything. Returns whether this
    /// has come to be a fight, once for each.
    /// </summary>
    public bool Note(bool undone)
    {
        DateTimeOffset now = time.GetUtcNow();
        if (now > _calm)
        {
            _undoing.Reset();
            _looking.Reset();
            _undone = 0;
        }

        TimeSpan wait = (undone ? _undoing : _looking).Next();
        _next = now + wait;
        _calm = _next + Quiet + (wait * 2);
        return undone && ++_undone == Fight;
    }
}
