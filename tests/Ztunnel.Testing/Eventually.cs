using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace Ztunnel.Testing;

/// <summary>Waits for what another thread is about to make true.</summary>
public static class Eventually
{
    /// <summary>How long a condition may take on a busy machine before it is taken for never.</summary>
    public static readonly TimeSpan Deadline = TimeSpan.FromSeconds(20);

    /// <summary>Returns as soon as <paramref name="condition"/> holds; throws with its text when the deadline passes first.</summary>
    public static async Task Holds(
        Func<bool> condition, TimeSpan? deadline = null, [CallerArgumentExpression(nameof(condition))] string text = "")
    {
        long start = Stopwatch.GetTimestamp();
        while (!condition())
        {
            if (Stopwatch.GetElapsedTime(start) > (deadline ?? Deadline))
                throw new TimeoutException($"never held: {text}");
            await Task.Delay(2);
        }
    }
}
