using Microsoft.Extensions.Logging;

namespace Ztunnel.Telemetry;

/// <summary>The line of a request through a gateway.</summary>
internal sealed class RequestLine(DateTimeOffset time, RequestRecord record) : LogLine(time)
{
    /// <inheritdoc/>
    public override void Format(LineBuffer line)
    {
        line.Begin(Time, LogLevel.Information, "access", "request complete");
        line.Text("method", record.Method);
        line.Text("path", WithoutTokens(record.Path));
        line.Text("protocol", record.Protocol);
        line.Text("authority", record.Authority);
        line.Number("response_code", record.Status);
        line.Text("response_flags", record.Flags ?? "-");
        line.Text("response_code_details", record.Details);
        line.Number("bytes_received", record.BytesReceived);
        line.Number("bytes_sent", record.BytesSent);
        line.Text("duration", string.Create(null, $"{(long)record.Duration.TotalMilliseconds}ms"));
        if (record.UpstreamServiceTime is { } took)
            line.Text("upstream_service_time", string.Create(null, $"{took}ms"));
        line.Bare("upstream_host", record.UpstreamHost);
        if (record.ServiceHost is { } host)
            line.Text("upstream_cluster", string.Create(null, $"outbound|{record.ServicePort}||{host}"));
        if (record.Rule is { } rule)
            line.Text("route_name", string.Create(null, $"{rule.Route.Namespace}.{rule.Route.Name}.{(object?)rule.Name ?? rule.Index}"));
        line.Text("request_id", record.RequestId);
        line.Text("x_forwarded_for", record.ForwardedFor);
        line.Text("user_agent", record.UserAgent);
        line.Bare("downstream_remote_address", Canonical(record.Client));
        line.Text("src.identity", record.SourceIdentity?.ToString());
        line.Text("requested_server_name", record.ServerName);
        line.End();
    }

    /// <summary>
    /// A target without the values that would let a reader of the log in: of <c>access_token</c>, and whatever has the shape of a
    /// JSON web token, as RequestAuthentications may take one from any parameter.
    /// </summary>
    internal static string WithoutTokens(string target)
    {
        int mark = target.IndexOf('?', StringComparison.Ordinal);
        if (mark < 0)
            return target;
        string[] parameters = target[(mark + 1)..].Split('&');
        bool any = false;
        for (int i = 0; i < parameters.Length; i++)
        {
            int equals = parameters[i].IndexOf('=', StringComparison.Ordinal);
            if (equals < 0 || !IsSecret(parameters[i][..equals], Uri.UnescapeDataString(parameters[i][(equals + 1)..])))
                continue;
            parameters[i] = string.Concat(parameters[i].AsSpan(0, equals), "=REDACTED");
            any = true;
        }

        return any ? string.Concat(target.AsSpan(0, mark + 1), string.Join('&', parameters)) : target;
    }

    /// <summary>A JSON object in base64url begins with these letters (RFC 7515 section 3, RFC 7516 section 3).</summary>
    private static bool IsSecret(string name, string value) =>
        name == "access_token" || (value.StartsWith('e') && value.AsSpan().Count('.') >= 2 && value.Length > 20);
}
