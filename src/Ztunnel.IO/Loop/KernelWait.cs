using System.Globalization;

namespace Ztunnel.IO;

/// <summary>What one of our threads is doing according to the kernel (proc(5)).</summary>
internal static class KernelWait
{
    /// <summary>Words like <c>running</c> or <c>sleeping in futex_do_wait, system call 202</c>.</summary>
    public static string Describe(int threadId)
    {
        string task = string.Create(CultureInfo.InvariantCulture, $"/proc/self/task/{threadId}/");
        string call = FirstWord(Read(task + "syscall"));
        if (call is "running")
            return call;
        string place = Read(task + "wchan") is { Length: > 1 } name ? $"sleeping in {name}" : "sleeping";
        return call.Length > 0 && call != "-1" ? $"{place}, system call {call}" : place;
    }

    private static string FirstWord(string text) => text.Split(' ', 2)[0].Trim();

    private static string Read(string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // Hidden from us, or the thread has ended.
            return string.Empty;
        }
    }
}
