using Microsoft.Extensions.Logging;

namespace Ztunnel;

/// <summary>What all roles have in common: they log, run until they are stopped, and say in one line why they cannot.</summary>
internal static partial class Role
{
    /// <summary>Runs a role; gives the exit code. <paramref name="log"/> is closed at the end, and <paramref name="name"/> is what it logs as.</summary>
    public static async Task<int> Run(string name, RoleLog log, Func<ILoggerFactory, Task> work, CancellationToken stop)
    {
        using RoleLog closing = log;
        try
        {
            await work(log.Loggers);
            return 0;
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            return 0;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or FormatException)
        {
            LogCannotRun(log.Loggers.CreateLogger(name), e.Message);
            return 1;
        }
    }

    [LoggerMessage(Level = LogLevel.Critical, Message = "{Reason}")]
    private static partial void LogCannotRun(ILogger logger, string reason);
}
