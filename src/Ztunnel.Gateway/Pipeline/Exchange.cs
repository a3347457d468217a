using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Headers;
using Microsoft.AspNetCore.Http;
using Yarp.ReverseProxy.Forwarder;
using Ztunnel.Mesh;

namespace Ztunnel.Gateway;

/// <summary>
/// One request on its way through the gateway: what filters made of it so far, and what is done to its headers where it
/// leaves for the backend and where the answer leaves for the client.
/// </summary>
internal sealed class Exchange(HttpContext http, ChannelConnection connection, GatewayLoop on, PortTable ports) : HttpTransformer
{
    private const string ConnectionHeader = "Connection";

    private static readonly UriCreationOptions AsWritten = new() { DangerousDisablePathAndQueryCanonicalization = true };

    private List<HeaderChange>? _responseChanges;
    private long _sent;

    /// <summary>The request and its answer.</summary>
    public HttpContext Http => http;

    /// <summary>What the gateway listened on when it came: it is judged and routed by the same listener, whatever changes meanwhile.</summary>
    public PortTable Ports => ports;

    /// <summary>How it came in.</summary>
    public Entry Entry => connection.Entry;

    /// <summary>Whether the client has ended its connection. Known at once, where what the server tells of it comes a moment later.</summary>
    public bool ClientHasEnded => connection.HasEnded;

    /// <summary>The loop it is served on.</summary>
    public GatewayLoop On => on;

    /// <summary>The method it is judged, routed and sent on by.</summary>
    public string Method { get; set; } = http.Request.Method;

    /// <summary>The path it is sent on with.</summary>
    public string Path { get; set; } = "/";

    /// <summary>The query it is sent on with, without question mark; null for none.</summary>
    public string? Query { get; set; }

    /// <summary>The host it is sent on with; null keeps the request's.</summary>
    public string? Host { get; set; }

    /// <summary>Where it goes: a service and its port, or where that is null <see cref="Destination"/>.</summary>
    public ServiceName? Service { get; set; }

    /// <summary>The port of <see cref="Service"/>.</summary>
    public ushort Port { get; set; }

    /// <summary>A workload's own address, where the client asked for that.</summary>
    public System.Net.IPEndPoint? Destination { get; set; }

    /// <summary>What is spoken to the backend.</summary>
    public BackendProtocol Protocol { get; set; }

    /// <summary>How long the request may take with all its tries; null for as long as it likes.</summary>
    public TimeSpan? Timeout { get; set; }

    /// <summary>How long each try may take; null for as long as it likes.</summary>
    public TimeSpan? TryTimeout { get; set; }

    /// <summary>What the rule of <see cref="Service"/> says; null for no rule.</summary>
    public ServiceTraffic? Traffic { get; set; }

    /// <summary>What requests are told by that belong together; null for nothing.</summary>
    public ulong? Affinity { get; set; }

    /// <summary>When it is sent again.</summary>
    public RetryRule Retry { get; set; }

    /// <summary>Who gets a copy of it; null for nobody.</summary>
    public List<HttpBackend>? Mirrors { get; private set; }

    /// <summary>What is known of its tries. Made where it is sent on.</summary>
    public RequestTries? Tries { get; set; }

    /// <summary>The rule it is routed by; null where there is none.</summary>
    public HttpRule? Rule { get; set; }

    /// <summary>The endpoint it was sent to last.</summary>
    public Upstream? Upstream { get; set; }

    /// <summary>How many milliseconds it took until the backend's answer began; null while there is none.</summary>
    public long? UpstreamTook { get; private set; }

    /// <summary>Whether the backend broke its answer off.</summary>
    public bool Broken { get; set; }

    /// <summary>What it was answered with here; null where that came from a backend.</summary>
    public LocalReply? Answered { get; private set; }

    /// <summary>Counts the answer's body, where anybody wants to know and nothing says how long it is.</summary>
    public ByteCount? Counting { get; set; }

    /// <summary>Whether the client is to come back over another connection.</summary>
    public bool Leaving { get; set; }

    /// <summary>Notes what is to be done to the answer's headers.</summary>
    public void ChangeResponse(HeaderChange change) => (_responseChanges ??= []).Add(change);

    /// <summary>Notes that a backend is to get a copy.</summary>
    public void Mirror(HttpBackend target) => (Mirrors ??= []).Add(target);

    /// <summary>Answers without a backend.</summary>
    public async Task Reply(LocalReply reply)
    {
        Answered = reply;
        FinishHeaders();
        await reply.Write(http);
    }

    /// <inheritdoc/>
    public override async ValueTask TransformRequestAsync(
        HttpContext httpContext, HttpRequestMessage proxyRequest, string destinationPrefix, CancellationToken cancellationToken)
    {
        await Describe(proxyRequest, destinationPrefix, cancellationToken);
        _sent = Stopwatch.GetTimestamp();
    }

    /// <summary>Makes a message to a backend of what the request is now, but for its body.</summary>
    public async ValueTask Describe(HttpRequestMessage message, string prefix, CancellationToken cancellationToken)
    {
        await base.TransformRequestAsync(http, message, prefix, cancellationToken);
        // The prefix ends with the slash that the path begins with.
        string target = string.Concat(prefix.AsSpan(0, prefix.Length - 1), Path, Query is null ? "" : "?", Query);
        message.RequestUri = new Uri(target, AsWritten);
        string? host = Host ?? http.Request.Host.Value;
        if (!string.IsNullOrEmpty(host))
            message.Headers.Host = host;
    }

    /// <inheritdoc/>
    public override async ValueTask<bool> TransformResponseAsync(
        HttpContext httpContext, HttpResponseMessage? proxyResponse, CancellationToken cancellationToken)
    {
        if (proxyResponse is not null)
        {
            Upstream!.Heed(proxyResponse);
            if (Tries!.Refuse(proxyResponse))
                return false;
        }

        bool copy = await base.TransformResponseAsync(httpContext, proxyResponse, cancellationToken);
        if (proxyResponse is null)
            return copy;
        if (proxyResponse.Headers.NonValidated.TryGetValues(ConnectionHeader, out HeaderStringValues hops))
        {
            foreach (string line in hops)
                HopHeaders.RemoveNamed(httpContext.Response.Headers, line);
        }

        // What has become another protocol goes on for as long as it likes.
        if (proxyResponse.StatusCode == System.Net.HttpStatusCode.SwitchingProtocols)
            Tries!.LetGo();
        long took = (long)Stopwatch.GetElapsedTime(_sent).TotalMilliseconds;
        UpstreamTook = took;
        if (Counting is { } counting && httpContext.Response.ContentLength is null && !ProtocolUpgrade.IsAskedFor(http))
            proxyResponse.Content = new CountedContent(proxyResponse.Content, counting);
        httpContext.Response.Headers["x-envoy-upstream-service-time"] = took.ToString(CultureInfo.InvariantCulture);
        FinishHeaders();
        return copy;
    }

    private void FinishHeaders()
    {
        IHeaderDictionary headers = http.Response.Headers;
        headers.Server = "istio-envoy";
        if (_responseChanges is { } changes)
        {
            foreach (HeaderChange change in changes)
                change.Apply(headers);
        }

        if (Leaving && HttpProtocol.IsHttp11(http.Request.Protocol))
            headers.Connection = "close";
    }
}
