using System.Text;
using System.Text.Json.Nodes;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Ztunnel.Kubernetes;

/// <summary>
/// Says what happened to objects as Events (events.k8s.io/v1), for <c>kubectl describe</c>. The same about the same object is
/// counted in one Event's series. Rates are limited, for all and for each object; what is beyond them, or cannot be written,
/// is lost and at most logged: nothing here is ever waited for, and nothing throws. Safe from any thread.
/// </summary>
public sealed partial class EventRecorder : IAsyncDisposable
{
    private const int MostWaiting = 1000;
    private const int MostKept = 4096;
    private const int LongestNote = 1024;

    private readonly ApiClient _client;
    private readonly string _controller;
    private readonly string _instance;
    private readonly ILogger _logger;
    private readonly TimeProvider _time;
    private readonly RequestRate _all;
    private readonly Channel<Said> _waiting = Channel.CreateBounded<Said>(
        new BoundedChannelOptions(MostWaiting) { FullMode = BoundedChannelFullMode.DropWrite, SingleReader = true });

    private readonly Dictionary<Said, Series> _series = [];
    private readonly Dictionary<ObjectReference, RequestRate> _objects = [];
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _writing;

    /// <summary>Begins to write.</summary>
    /// <param name="client">Where to.</param>
    /// <param name="controller">Who says it, in the form <c>ztunnel.io/node</c>.</param>
    /// <param name="instance">Which one of them, such as the pod's name.</param>
    /// <param name="logger">Where what cannot be written is told.</param>
    public EventRecorder(ApiClient client, string controller, string instance, ILogger? logger = null)
    {
        ArgumentNullException.ThrowIfNull(client);
        _client = client;
        _controller = controller;
        _instance = instance;
        _logger = logger ?? NullLogger.Instance;
        _time = client.Time;
        _all = new RequestRate(2, 50, _time);
        _writing = Task.Run(Write);
    }

    /// <summary>Says that something happened as it should.</summary>
    /// <param name="regarding">The object it happened to.</param>
    /// <param name="reason">Why, in one word such as <c>Enrolled</c>.</param>
    /// <param name="action">What was done, in one word such as <c>Enrol</c>.</param>
    /// <param name="note">What happened, for a person to read. Never anything secret.</param>
    public void Normal(ObjectReference regarding, string reason, string action, string note) => Say(regarding, "Normal", reason, action, note);

    /// <summary>Says that something went wrong; as <see cref="Normal"/>.</summary>
    public void Warning(ObjectReference regarding, string reason, string action, string note) => Say(regarding, "Warning", reason, action, note);

    /// <summary>Writes what waits, for a few seconds at most, and ends.</summary>
    public async ValueTask DisposeAsync()
    {
        _waiting.Writer.TryComplete();
        _stop.CancelAfter(TimeSpan.FromSeconds(3));
        await _writing;
        _stop.Dispose();
    }

    private void Say(ObjectReference regarding, string type, string reason, string action, string note)
    {
        ArgumentNullException.ThrowIfNull(regarding);
        _waiting.Writer.TryWrite(new Said(regarding, type, reason, action, Shortened(note)));
    }

    /// <summary>As much of a note as an Event takes, in whole characters.</summary>
    private static string Shortened(string note)
    {
        if (Encoding.UTF8.GetByteCount(note) <= LongestNote)
            return note;
        Span<byte> start = stackalloc byte[LongestNote - 3];
        Encoding.UTF8.GetEncoder().Convert(note, start, flush: false, out int taken, out _, out _);
        return string.Concat(note.AsSpan(0, taken), "...");
    }

    private async Task Write()
    {
        try
        {
            await foreach (Said said in _waiting.Reader.ReadAllAsync(_stop.Token))
            {
                try
                {
                    await Write(said);
                }
                catch (Exception error) when (error is not OperationCanceledException)
                {
                    LogLost(said.Reason, said.Regarding, error.Message);
                }
            }
        }
        catch (OperationCanceledException)
        {
            // What still waits is not worth waiting for.
        }
    }

    private async Task Write(Said said)
    {
        // Kept so that repeats are known, and forgotten all at once where there are too many to matter.
        if (_series.Count >= MostKept || _objects.Count >= MostKept)
        {
            _series.Clear();
            _objects.Clear();
        }

        if (_series.TryGetValue(said, out Series? series))
            series.Count++;
        if (!_objects.TryGetValue(said.Regarding, out RequestRate? rate))
            _objects.Add(said.Regarding, rate = new RequestRate(1.0 / 60, 10, _time));
        if (!rate.TryTake())
            return;
        await _all.Wait(_stop.Token);
        if (series is not null && await TryCount(said, series))
            return;
        string name = await Create(said);
        _series[said] = new Series { Name = name, Count = 1 };
    }

    /// <summary>Counts a repeat; false where the Event has expired meanwhile.</summary>
    private async Task<bool> TryCount(Said said, Series series)
    {
        var patch = new JsonObject
        {
            ["series"] = new JsonObject { ["count"] = series.Count, ["lastObservedTime"] = MicroTime.Of(_time.GetUtcNow()) },
        };
        try
        {
            await _client.MergePatch(ApiResource.Events.Named(said.Namespace, series.Name), patch, _stop.Token);
            return true;
        }
        catch (ApiException error) when (error.IsNotFound)
        {
            return false;
        }
    }

    private async Task<string> Create(Said said)
    {
        DateTimeOffset now = _time.GetUtcNow();
        // The form of all Events' names: the object's, and the time in nanoseconds.
        string name = $"{said.Regarding.Name[..Math.Min(said.Regarding.Name.Length, 200)].TrimEnd('-', '.')}.{(now - DateTimeOffset.UnixEpoch).Ticks * 100:x}";
        var regarding = new JsonObject { ["apiVersion"] = said.Regarding.ApiVersion, ["kind"] = said.Regarding.Kind, ["name"] = said.Regarding.Name };
        if (said.Regarding.Namespace.Length > 0)
            regarding["namespace"] = said.Regarding.Namespace;
        if (said.Regarding.Uid is not null)
            regarding["uid"] = said.Regarding.Uid;
        var body = new JsonObject
        {
            ["apiVersion"] = ApiResource.Events.ApiVersion,
            ["kind"] = ApiResource.Events.Kind,
            ["metadata"] = new JsonObject { ["name"] = name, ["namespace"] = said.Namespace },
            ["eventTime"] = MicroTime.Of(now),
            ["reportingController"] = _controller,
            ["reportingInstance"] = _instance,
            ["regarding"] = regarding,
            ["type"] = said.Type,
            ["reason"] = said.Reason,
            ["action"] = said.Action,
            ["note"] = said.Note,
        };
        await _client.Create(ApiResource.Events.In(said.Namespace), body, _stop.Token);
        return name;
    }

    [LoggerMessage(Level = LogLevel.Debug, Message = "The Event {Reason} of {Regarding} could not be written: {Error}")]
    private partial void LogLost(string reason, ObjectReference regarding, string error);

    /// <summary>What is said; the same said again is a repeat.</summary>
    private sealed record Said(ObjectReference Regarding, string Type, string Reason, string Action, string Note)
    {
        /// <summary>Events of what is in no namespace are in this one.</summary>
        public string Namespace => Regarding.Namespace.Length == 0 ? "default" : Regarding.Namespace;
    }

    private sealed class Series
    {
        public required string Name { get; init; }

        public int Count { get; set; }
    }
}
