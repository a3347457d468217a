using Microsoft.Extensions.Logging;

namespace Ztunnel.Hbone;

/// <summary>What connections and the pool log.</summary>
internal static partial class HboneLog
{
    [LoggerMessage(1, LogLevel.Warning, "HBONE connection broken: {Reason}")]
    public static partial void ConnectionBroken(ILogger logger, string reason);

    [LoggerMessage(2, LogLevel.Debug, "HBONE peer sent GOAWAY {Code}, last stream {LastStreamId}")]
    public static partial void GoAwayReceived(ILogger logger, string code, int lastStreamId);

    [LoggerMessage(3, LogLevel.Error, "The handler of a CONNECT to {Authority} failed")]
    public static partial void HandlerFailed(ILogger logger, Exception exception, string authority);

    [LoggerMessage(4, LogLevel.Error, "An HBONE connection failed internally")]
    public static partial void ConnectionCrashed(ILogger logger, Exception exception);

    [LoggerMessage(5, LogLevel.Error, "Connecting to an HBONE peer failed internally")]
    public static partial void ConnectCrashed(ILogger logger, Exception exception);
}
