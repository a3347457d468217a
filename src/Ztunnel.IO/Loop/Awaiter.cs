using System.Runtime.CompilerServices;

namespace Ztunnel.IO;

/// <summary>
/// Tells who awaits an async method, for naming the place a loop is blocked in: when a low-level read has ended and its
/// caller blocks, the caller is the culprit. The framework keeps this in private fields; where they are named otherwise
/// than expected, nobody is found and names are less exact.
/// </summary>
internal static class Awaiter
{
    private const string WrappingContinuation = "SynchronizationContextAwaitTaskContinuation";

    private static readonly bool Available = Probe();

    /// <summary>What continues when the async method whose state this is has ended; null if unknown or none.</summary>
    public static object? Of(object? state) => Available && state is Task task ? ContinuationOf(task) : null;

    /// <summary>The state of the method that continues, taken out of the continuation that restores its context.</summary>
    public static object? Unwrap(object? continuation) =>
        Available && continuation?.GetType().Name == WrappingContinuation ? ActionOf(continuation) : continuation;

    private static bool Probe()
    {
        try
        {
            return ContinuationOf(new Task(static () => { })) is null;
        }
        catch (MissingFieldException)
        {
            return false;
        }
    }

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "m_continuationObject")]
    private static extern ref object? ContinuationOf(Task task);

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "m_action")]
    private static extern ref Action ActionOf(
        [UnsafeAccessorType("System.Threading.Tasks.AwaitTaskContinuation, System.Private.CoreLib")] object continuation);
}
