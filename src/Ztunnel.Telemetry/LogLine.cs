using System.Net;
using Microsoft.Extensions.Logging;

namespace Ztunnel.Telemetry;

/// <summary>One queued line: what to write, not yet how. Formatted on the writer's thread.</summary>
internal abstract class LogLine(DateTimeOffset time)
{
    /// <summary>When the thing logged happened.</summary>
    public DateTimeOffset Time { get; } = time;

    /// <summary>Appends the whole line.</summary>
    public abstract void Format(LineBuffer line);

    /// <summary>An address as people write it.</summary>
    protected static string Canonical(IPEndPoint address) => address.Address.IsIPv4MappedToIPv6
        ? new IPEndPoint(address.Address.MapToIPv4(), address.Port).ToString()
        : address.ToString();

    /// <summary>A finished or refused connection.</summary>
    public sealed class Access(DateTimeOffset time, ConnectionRecord record) : LogLine(time)
    {
        private const string Scope = "access";

        public override void Format(LineBuffer line)
        {
            if (record.RefusedEarly)
                line.Begin(Time, LogLevel.Warning, Scope, "connection failed");
            else
                line.Begin(Time, record.Error is null ? LogLevel.Information : LogLevel.Error, Scope, "connection complete");
            FormatParties(line);
            line.Text("direction", record.Direction == ConnectionDirection.Outbound ? "outbound" : "inbound");
            if (!record.RefusedEarly)
            {
                line.Number("bytes_sent", record.BytesSent);
                line.Number("bytes_recv", record.BytesReceived);
                line.Text("duration", string.Create(null, $"{(long)record.Duration.TotalMilliseconds}ms"));
            }

            line.Text("error", record.Error);
            line.End();
        }

        private void FormatParties(LineBuffer line)
        {
            line.Bare("src.addr", Canonical(record.Source));
            line.Text("src.workload", record.SourceWorkload?.Name);
            line.Text("src.namespace", record.SourceWorkload?.Namespace);
            line.Text("src.identity", record.SourceIdentity?.ToString());
            line.Bare("dst.addr", Canonical(record.Destination));
            line.Bare("dst.hbone_addr", record.HboneAddress);
            line.Text("dst.service", record.DestinationService?.Hostname);
            line.Text("dst.workload", record.DestinationWorkload?.Name);
            line.Text("dst.namespace", record.DestinationWorkload?.Namespace);
            line.Text("dst.identity", record.DestinationIdentity?.ToString());
        }
    }

    /// <summary>An ordinary log message, formatted by its caller because its arguments are not ours to keep.</summary>
    public sealed class Message(
        DateTimeOffset time,
        LogLevel level,
        string scope,
        string message,
        IReadOnlyList<KeyValuePair<string, string>> fields) : LogLine(time)
    {
        public override void Format(LineBuffer line)
        {
            line.Begin(Time, level, scope, message);
            foreach ((string name, string value) in fields)
                line.Text(name, value);
            line.End();
        }
    }

    /// <summary>How many lines are missing from the log.</summary>
    public sealed class Dropped(DateTimeOffset time, long count) : LogLine(time)
    {
        public override void Format(LineBuffer line)
        {
            line.Begin(Time, LogLevel.Warning, "log", "lines dropped because the output could not keep up");
            line.Number("count", count);
            line.End();
        }
    }

    /// <summary>Stands in the place of a line whose values could not be formatted.</summary>
    public sealed class Unwritable(DateTimeOffset time, Exception exception) : LogLine(time)
    {
        public override void Format(LineBuffer line)
        {
            line.Begin(Time, LogLevel.Error, "log", "a line could not be formatted");
            line.Text("error", exception.GetType().Name);
            line.End();
        }
    }
}
