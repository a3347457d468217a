using Microsoft.Extensions.Logging;

namespace Ztunnel.IO;

/// <summary>What loops and listeners log.</summary>
internal static partial class LoopLog
{
    [LoggerMessage(1, LogLevel.Error, "An exception escaped on {Loop} in {Place}; the loop goes on.")]
    public static partial void ExceptionEscaped(ILogger logger, Exception exception, string loop, string place);

    [LoggerMessage(2, LogLevel.Warning, "Accepting on {Address} is paused: {Reason}. Trying again every {Interval}.")]
    public static partial void AcceptPaused(ILogger logger, System.Net.IPEndPoint address, string reason, TimeSpan interval);

    [LoggerMessage(3, LogLevel.Information, "Accepting on {Address} again.")]
    public static partial void AcceptResumed(ILogger logger, System.Net.IPEndPoint address);

    [LoggerMessage(6, LogLevel.Warning, "Watching a network namespace is paused: {Reason}. Trying again every {Interval}.")]
    public static partial void WatchPaused(ILogger logger, string reason, TimeSpan interval);

    [LoggerMessage(4, LogLevel.Error, "{Loop} has been blocked for {Milliseconds} ms in {Place}; its thread is {Wait}.")]
    public static partial void Blocked(ILogger logger, string loop, long milliseconds, string place, string wait);

    [LoggerMessage(5, LogLevel.Warning, "{Loop} goes on after being blocked for {Milliseconds} ms in {Place}.")]
    public static partial void Unblocked(ILogger logger, string loop, long milliseconds, string place);
}
