using System.Net;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Ztunnel.Diagnostics;

/// <summary>
/// The node's HTTP face for probes and people: <c>/healthz/ready</c> and <c>/healthz/live</c> on the readiness port, and on the loopback admin port
/// the <c>/config_dump</c> that <c>istioctl ztunnel-config</c> reads. It runs on the thread pool; no event loop waits for it.
/// </summary>
public sealed class DiagnosticsServer : IAsyncDisposable
{
    // Kubernetes port-forwards and people say one of these; a web page that had its own name resolve to loopback cannot.
    private static readonly string[] LoopbackHosts = ["localhost", "127.0.0.1", "[::1]", "::1"];

    private readonly HttpEndpoint _admin;
    private readonly HttpEndpoint _readiness;

    /// <summary>Makes a server that does not listen yet. Throws <see cref="ArgumentException"/> when an admin address is not loopback.</summary>
    public DiagnosticsServer(NodeSnapshots node, Readiness readiness, DiagnosticsOptions? options = null, ILoggerFactory? loggers = null)
    {
        ArgumentNullException.ThrowIfNull(node);
        ArgumentNullException.ThrowIfNull(readiness);
        options ??= new DiagnosticsOptions();
        loggers ??= NullLoggerFactory.Instance;
        if (options.Admin.FirstOrDefault(address => !IPAddress.IsLoopback(address.Address)) is { } open)
            throw new ArgumentException($"the admin address {open} is not loopback", nameof(options));

        var dump = new ConfigDumpReader(node);
        _admin = new HttpEndpoint(
            options.Admin,
            options.Bind,
            new Dictionary<string, Page>(StringComparer.Ordinal)
            {
                ["/"] = context => HttpEndpoint.Text(context, $"ztunnel on {node.Node}\n\n/config_dump   what this node knows and does, JSON\n"),
                ["/config_dump"] = context => Write(context, dump),
            },
            LoopbackHosts,
            loggers);
        _readiness = new HttpEndpoint(
            options.Readiness,
            options.Bind,
            new Dictionary<string, Page>(StringComparer.Ordinal)
            {
                ["/healthz/ready"] = context => Write(context, readiness),
                ["/healthz/live"] = context => WriteLive(context, options),
            },
            hosts: null,
            loggers);
    }

    /// <summary>Where the admin pages are served, once started.</summary>
    public IReadOnlyList<IPEndPoint> AdminAddresses => _admin.Addresses;

    /// <summary>Where the readiness probe is served, once started.</summary>
    public IReadOnlyList<IPEndPoint> ReadinessAddresses => _readiness.Addresses;

    /// <summary>Starts to listen. Throws <see cref="IOException"/> naming the address when it is in use or not to be had.</summary>
    public async Task Start(CancellationToken cancellationToken = default)
    {
        await _readiness.Start(cancellationToken);
        await _admin.Start(cancellationToken);
    }

    /// <summary>Stops, giving requests under way one second.</summary>
    public async ValueTask DisposeAsync()
    {
        await _readiness.DisposeAsync();
        await _admin.DisposeAsync();
    }

    private static async Task Write(HttpContext context, ConfigDumpReader dump)
    {
        ConfigDump document = await dump.Read(context.RequestAborted);
        context.Response.ContentType = "application/json";
        await JsonSerializer.SerializeAsync(
            context.Response.BodyWriter, document, ConfigDumpJson.Default.ConfigDump, context.RequestAborted);
    }

    private static async Task WriteLive(HttpContext context, DiagnosticsOptions options)
    {
        try
        {
            await options.Turn().WaitAsync(options.TurnPatience, context.RequestAborted);
            await HttpEndpoint.Text(context, "live\n");
        }
        catch (TimeoutException)
        {
            context.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
            await HttpEndpoint.Text(context, "stuck: the event loops do not turn\n");
        }
    }

    private static Task Write(HttpContext context, Readiness readiness)
    {
        ReadinessState state = readiness.State;
        string? fault = readiness.Fault;
        if (state == ReadinessState.Ready && fault is null)
            return HttpEndpoint.Text(context, "ready\n");
        context.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
        return HttpEndpoint.Text(context, $"not ready: {(state == ReadinessState.Draining ? "draining" : fault ?? (readiness.WaitsFor is { } waits ? $"starting: {waits}" : "starting"))}\n");
    }
}
