using System.Runtime.ExceptionServices;

namespace Ztunnel.IO;

/// <summary>Runs one thing on a thread of its own, for work that changes the thread itself.</summary>
internal static class DedicatedThread
{
    public static T Run<T>(string name, Func<T> work)
    {
        T result = default!;
        ExceptionDispatchInfo? error = null;
        Thread thread = new(() =>
        {
            try
            {
                result = work();
            }
            catch (Exception exception)
            {
                error = ExceptionDispatchInfo.Capture(exception);
            }
        })
        {
            IsBackground = true,
            Name = name,
        };
        thread.UnsafeStart();
        thread.Join();
        error?.Throw();
        return result;
    }
}
