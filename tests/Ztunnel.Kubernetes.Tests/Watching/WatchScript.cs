using System.Collections.Concurrent;
using Microsoft.AspNetCore.Http;
using Ztunnel.Testing;

namespace Ztunnel.Kubernetes.Tests.Watching;

/// <summary>A server whose lists and watches a test says one by one, and what a <see cref="ResourceWatch"/> of pods tells of it.</summary>
internal sealed class WatchScript : IAsyncDisposable
{
    private readonly ConcurrentQueue<RequestDelegate> _lists = new(), _watches = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly ScriptedServer _server;
    private readonly ApiClient _client;
    private Task _run = Task.CompletedTask;

    private WatchScript(ScriptedServer server, TimeProvider? time)
    {
        _server = server;
        // A clock that the test moves in leaps is not to find requests late that are just under way.
        ApiClientOptions options = time is null ? server.Options : server.Options with { Timeout = TimeSpan.FromDays(1) };
        _client = new ApiClient(ApiAccess.Insecure(server.Address), options, time);
    }

    public ConcurrentQueue<string> Told { get; } = new();

    public static ResourceWatchOptions Quick { get; } = new()
    {
        StreamingLists = false,
        FirstDelay = TimeSpan.FromMilliseconds(5),
        LongestDelay = TimeSpan.FromMilliseconds(20),
    };

    public IEnumerable<string> Lists => Asked(watch: false);

    public IEnumerable<string> Watches => Asked(watch: true);

    public static async Task<WatchScript> Start(TimeProvider? time = null)
    {
        WatchScript? script = null;
        ScriptedServer server = await ScriptedServer.Start(context => script!.Answer(context));
        return script = new WatchScript(server, time);
    }

    public WatchScript List(RequestDelegate answer)
    {
        _lists.Enqueue(answer);
        return this;
    }

    public WatchScript List(string version, params string[] pods) => List(context => ScriptedServer.Json(context, ListOf(version, pods)));

    public WatchScript Watch(RequestDelegate answer)
    {
        _watches.Enqueue(answer);
        return this;
    }

    /// <summary>A watch that tells these frames and then ends, or with <paramref name="stays"/> goes silent.</summary>
    public WatchScript Watch(bool stays, params string[] frames) => Watch(async context =>
    {
        foreach (string frame in frames)
            await context.Response.WriteAsync(frame + "\n");
        await context.Response.Body.FlushAsync();
        if (stays)
            await Silent(context);
    });

    public void Run(ResourceWatchOptions? options = null)
    {
        var watch = new ResourceWatch(_client, ApiResource.Pods.All(), options ?? Quick);
        _run = Task.Run(async () =>
        {
            await foreach (WatchEvent told in watch.Run(_stop.Token))
                Told.Enqueue(Text(told, watch));
        });
    }

    public Task Tells(params string[] expected) => Waits(() => Told, expected);

    public static async Task Waits(Func<IEnumerable<string>> actual, string[] expected)
    {
        try
        {
            await Eventually.Holds(() => actual().Count() >= expected.Length);
        }
        catch (TimeoutException)
        {
            // What there is says more than that it is not all.
        }

        Assert.Equal(expected, actual(), StringComparer.Ordinal);
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _run.ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
        _client.Dispose();
        await _server.DisposeAsync();
        _stop.Dispose();
    }

    public static string ListOf(string version, params string[] pods) => Page(version, null, pods);

    public static string Page(string version, string? next, params string[] pods) =>
        $$"""{"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"{{version}}","continue":"{{next}}"},"items":[{{string.Join(',', pods.Select(Pod))}}]}""";

    /// <summary>A pod of <c>name@version</c>.</summary>
    public static string Pod(string pod) =>
        $$$"""{"metadata":{"name":"{{{pod.Split('@')[0]}}}","namespace":"ns","resourceVersion":"{{{pod.Split('@')[1]}}}"},"status":{"phase":"Running"}}""";

    public static string Frame(string type, string pod) => $$"""{"type":"{{type}}","object":{{Pod(pod)}}}""";

    public static string Bookmark(string version, bool endsInitial = false)
    {
        string annotations = endsInitial ? """ ,"annotations":{"k8s.io/initial-events-end":"true"}""" : "";
        return $$$"""{"type":"BOOKMARK","object":{"kind":"Pod","metadata":{"resourceVersion":"{{{version}}}"{{{annotations}}} } } }""";
    }

    public static string Error(int code, string reason) =>
        $$$"""{"type":"ERROR","object":{"kind":"Status","code":{{{code}}},"reason":"{{{reason}}}","message":"so it is"}}""";

    public static Task Silent(HttpContext context) => Task.Delay(Timeout.Infinite, context.RequestAborted);

    private static string Text(WatchEvent told, ResourceWatch watch) => told switch
    {
        WatchEvent.Put put when put.Object.TryGetProperty("cells", out var cells) =>
            $"row {put.Namespace}/{put.Name} {string.Join(' ', watch.Columns.Zip(cells.EnumerateArray(), (column, cell) => $"{column}={cell}"))}",
        WatchEvent.Put put => $"put {put.Namespace}/{put.Name}@{put.Object.GetProperty("metadata").GetProperty("resourceVersion").GetString()}",
        WatchEvent.Remove gone => $"remove {gone.Namespace}/{gone.Name}",
        WatchEvent.Synced => "synced",
        WatchEvent.Unavailable { Error: ApiException error } => $"unavailable {(int)error.Code} {error.Reason}",
        _ => told.ToString(),
    };

    private IEnumerable<string> Asked(bool watch) =>
        _server.Requests.Select(asked => Uri.UnescapeDataString(asked.PathAndQuery)).Where(path => path.Contains("watch=true", StringComparison.Ordinal) == watch);

    private Task Answer(HttpContext context)
    {
        ConcurrentQueue<RequestDelegate> script = context.Request.Query.ContainsKey("watch") ? _watches : _lists;
        return script.TryDequeue(out RequestDelegate? answer) ? answer(context) : Silent(context);
    }
}
