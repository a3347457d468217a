namespace Ztunnel.Telemetry;

/// <summary>How a log line is written. Both are the shapes of Istio ztunnel's log, so what parses that parses this.</summary>
public enum LogFormat
{
    /// <summary>Time, level, scope, message and <c>name=value</c> fields, separated by tabs.</summary>
    Text,

    /// <summary>One JSON object a line: <c>level</c>, <c>time</c>, <c>scope</c>, <c>message</c>, then the fields.</summary>
    Json,
}
