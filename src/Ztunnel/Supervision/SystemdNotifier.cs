using System.Globalization;
using System.Net.Sockets;
using System.Text;
using Microsoft.Extensions.Logging;

namespace Ztunnel;

/// <summary>
/// Tells systemd how a role stands, for units of <c>Type=notify</c>: that it serves, that it stops, and, where the unit has a
/// <c>WatchdogSec</c>, again and again that it still does its work. The protocol of sd_notify(3): datagrams to the socket that
/// <c>$NOTIFY_SOCKET</c> names. Without that variable nothing is said. Stands in for Microsoft.Extensions.Hosting.Systemd.
/// </summary>
internal sealed partial class SystemdNotifier : IAsyncDisposable
{
    private readonly UnixDomainSocketEndPoint? _systemd;
    private readonly TimeSpan? _watchdog;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly CancellationTokenSource _end = new();
    private Task _beating = Task.CompletedTask;
    private bool _failed;

    private SystemdNotifier(UnixDomainSocketEndPoint? systemd, TimeSpan? watchdog, TimeProvider time, ILogger logger)
    {
        _systemd = systemd;
        _watchdog = watchdog;
        _time = time;
        _logger = logger;
    }

    /// <summary>The systemd that started this process, by the variables it sets: <c>NOTIFY_SOCKET</c>, <c>WATCHDOG_USEC</c>, <c>WATCHDOG_PID</c>.</summary>
    public static SystemdNotifier Find(Func<string, string?> variable, ILogger logger, TimeProvider? time = null)
    {
        UnixDomainSocketEndPoint? systemd = variable("NOTIFY_SOCKET") switch
        {
            ['@', _, ..] name => new UnixDomainSocketEndPoint("\0" + name[1..]),
            ['/', _, ..] path => new UnixDomainSocketEndPoint(path),
            _ => null,
        };
        // Of a parent's watchdog we are no part: the process that is meant is named.
        bool ours = variable("WATCHDOG_PID") is not { Length: > 0 } pid || pid == Environment.ProcessId.ToString(CultureInfo.InvariantCulture);
        TimeSpan? watchdog = ours && long.TryParse(variable("WATCHDOG_USEC"), NumberStyles.None, CultureInfo.InvariantCulture, out long microseconds)
            && microseconds is > 0 and < long.MaxValue / TimeSpan.TicksPerMicrosecond
            ? TimeSpan.FromMicroseconds(microseconds)
            : null;
        return new SystemdNotifier(systemd, watchdog, time ?? TimeProvider.System, logger);
    }

    /// <summary>
    /// The role serves. From now on the watchdog hears of it, twice in its time, as often as <paramref name="turn"/> completes:
    /// once what does the work has come round.
    /// </summary>
    public void Ready(string status, Func<Task> turn)
    {
        Say($"READY=1\nSTATUS={status}");
        if (_systemd is not null && _watchdog is { } patience)
            _beating = Beat(patience / 2, turn);
    }

    /// <summary>The role has begun to stop.</summary>
    public void Stopping(string status) => Say($"STOPPING=1\nSTATUS={status}");

    /// <summary>Says nothing more.</summary>
    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        await _beating.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _end.Dispose();
    }

    private async Task Beat(TimeSpan interval, Func<Task> turn)
    {
        using var timer = new PeriodicTimer(interval, _time);
        do
        {
            await turn().WaitAsync(_end.Token);
            Say("WATCHDOG=1");
        }
        while (await timer.WaitForNextTickAsync(_end.Token));
    }

    private void Say(string message)
    {
        if (_systemd is null)
            return;
        try
        {
            using var socket = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
            socket.SendTo(Encoding.UTF8.GetBytes(message), _systemd);
            _failed = false;
        }
        catch (SocketException e)
        {
            // The role matters more than who watches it; once is enough for a log.
            if (!_failed)
                LogUnheard(e.Message);
            _failed = true;
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "systemd cannot be told how this stands: {Reason}")]
    private partial void LogUnheard(string reason);
}
