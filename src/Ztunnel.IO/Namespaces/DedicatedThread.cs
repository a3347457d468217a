namespace Ztunnel.IO;

/// <summary>Runs one thing on a thread of its own, for work that changes the thread itself.</summary>
internal static class DedicatedThread
{
    /// <summary>Runs <paramref name="work"/> on a new thread named <paramref name="name"/>, which ends with it.</summary>
    public static Task<T> RunAsync<T>(string name, Func<T> work)
    {
        TaskCompletionSource<T> end = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Thread thread = new(() =>
        {
            try
            {
                end.SetResult(work());
            }
            catch (Exception exception)
            {
                end.SetException(exception);
            }
        })
        {
            IsBackground = true,
            Name = name,
        };
        thread.UnsafeStart();
        return end.Task;
    }

    /// <summary>The same, waiting for the end. What is thrown is thrown here.</summary>
    public static T Run<T>(string name, Func<T> work) => RunAsync(name, work).GetAwaiter().GetResult();
}
