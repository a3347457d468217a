using System.Globalization;
using System.Net;
using System.Runtime.CompilerServices;
using System.Text.Json;

namespace Ztunnel.Kubernetes;

/// <summary>
/// One collection of the API, listed and followed for ever. What is told is told once: an interruption is followed by the
/// differences only. Holds the names and versions of the objects, nothing of what is in them. To be run once, by one reader.
/// </summary>
public sealed class ResourceWatch
{
    // How many watches in a row may break before anything has come of them.
    private const int MostBroken = 3;

    // A watch that a server ends in its order has lasted as long as was asked for. Anything between that cannot pass watches, or
    // tires of them, ends them sooner: at once, or never before this.
    private static readonly TimeSpan AtOnce = TimeSpan.FromSeconds(10);

    private readonly ApiClient _client;
    private readonly Func<CancellationToken, Task<ApiPath>> _find;
    private readonly ResourceWatchOptions _options;
    private readonly ToldVersions _known = new();
    private readonly Backoff _backoff;

    // Where the collection was when it was listed last.
    private ApiPath _path = ApiResource.Namespaces.All();

    // The version up to which everything has been told; null before the first list.
    private string? _version;
    private bool _listed;

    // What the next list must be, since the last one failed.
    private bool _newest;
    private bool _whole;
    private bool _plain;

    // Whether the server broke a watch off for a reason that may lie in what it would have sent.
    private bool _astray;

    // Whether a streamed list was refused, and no list in pages has shown yet whose fault that was.
    private bool _refused;

    private (HttpStatusCode Code, string Reason)? _told;
    private long? _missingSince;
    private bool _opened;
    private bool _progressed;

    // How many watches broke since something came of one, and what the last one broke by.
    private int _broken;
    private (HttpStatusCode Code, string Reason) _brokenBy;

    /// <summary>Names the collection; <paramref name="path"/> may have selectors.</summary>
    public ResourceWatch(ApiClient client, ApiPath path, ResourceWatchOptions? options = null)
        : this(client, _ => Task.FromResult(path), options) => ArgumentNullException.ThrowIfNull(path);

    /// <summary>As the other, of a collection that is looked for whenever it is listed, as it may be served in another version.</summary>
    internal ResourceWatch(ApiClient client, Func<CancellationToken, Task<ApiPath>> find, ResourceWatchOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(client);
        _client = client;
        _find = find;
        _options = options ?? new ResourceWatchOptions();
        _backoff = new Backoff(_options.FirstDelay, _options.LongestDelay);
    }

    /// <summary>The collection, in the version it was listed in last.</summary>
    public ApiResource Resource => _path.Resource;

    /// <summary>How many objects there are, as far as is known.</summary>
    public int Count => _known.Count;

    /// <summary>The names of a table's columns, in the order of the cells of the last row that was told.</summary>
    public IReadOnlyList<string> Columns { get; private set; } = [];

    internal TimeProvider Time => _client.Time;

    private ApiRequest Request(ApiPath path) => new(HttpMethod.Get, path)
    {
        Accept = _options.AsTable ? "application/json;as=Table;g=meta.k8s.io;v=v1" : ApiRequest.Json,
    };

    /// <summary>Tells what there is, then what changes, until cancelled; see <see cref="WatchEvent"/>.</summary>
    public async IAsyncEnumerable<WatchEvent> Run([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        while (true)
        {
            (_opened, _progressed) = (false, false);
            long began = Time.GetTimestamp();
            bool lists = !_listed, streams = lists && StreamsLists;
            IOException? failure = null;
            IAsyncEnumerable<WatchEvent> round = _listed ? Follow(cancellationToken) : streams ? StreamList(cancellationToken) : List(cancellationToken);
            await using (IAsyncEnumerator<WatchEvent> events = round.GetAsyncEnumerator(cancellationToken))
            {
                while (true)
                {
                    try
                    {
                        if (!await events.MoveNextAsync())
                            break;
                    }
                    catch (Exception error) when (error is ApiException or ApiAccessException)
                    {
                        failure = (IOException)error;
                        break;
                    }
                    catch (JsonException error)
                    {
                        failure = ApiFault.Of(Request(_path), _client.Access, error);
                        break;
                    }

                    yield return events.Current;
                }
            }

            bool lasted = _opened && failure is null && Time.GetElapsedTime(began) >= Least;
            if (!lists && _opened && failure is null && !_progressed && !lasted)
                failure = Empty();
            if (_progressed || lasted)
            {
                _broken = 0;
                _backoff.Reset();
            }

            if (failure is null && (_progressed || !_opened))
                continue;
            foreach (WatchEvent told in Consider(failure, lists, streams))
                yield return told;
            if (!(streams && _refused))
                await Task.Delay(_backoff.Next((failure as ApiException)?.RetryAfter), Time, cancellationToken);
        }
    }

    private TimeSpan Least => _options.WatchFor / 2 < AtOnce ? _options.WatchFor / 2 : AtOnce;

    private ApiException Empty() => new(
        Request(_path).Asked, ApiException.NoAnswer, ApiException.EmptyReason,
        $"the watch ended at once with nothing in it; is there anything before {_client.Access.Server.Authority} that does not pass watches?");

    private bool StreamsLists => _options.StreamingLists && !_plain && !_refused && !_client.RefusesStreamingLists;

    private static bool IsRefusal(IOException? failure) =>
        failure is ApiException { Code: HttpStatusCode.BadRequest or HttpStatusCode.UnprocessableEntity };

    /// <summary>Decides how to go on after a failure, and what to tell of it.</summary>
    private IEnumerable<WatchEvent> Consider(IOException? failure, bool listed, bool streamed)
    {
        var answer = failure as ApiException;
        if (streamed && !_opened && IsRefusal(failure))
        {
            _refused = true;
            yield break;
        }

        // What is refused in pages too was refused for its own sake.
        _refused &= !(listed && IsRefusal(failure));
        (HttpStatusCode, string)? reason = failure is null ? null : answer is null ? (ApiException.NoAnswer, failure.Message) : (answer.Code, answer.Reason);
        if (_opened && _listed && !_progressed && reason is { } by)
            (_broken, _brokenBy) = (_broken + 1, by);

        // A stream of what is there that came to no end is not tried twice in a row.
        _plain = streamed && _opened && !_listed;
        // Nor is a place from which nothing comes asked for over and over: what lies there may be what cannot be sent.
        bool stuck = _broken >= MostBroken;
        if (answer is { IsExpired: true } or { IsNotFound: true } || IsRefusal(failure) || _astray || stuck)
            _listed = false;
        _astray = false;
        // A server that lags behind what we know, or has forgotten where a list began, is asked for what there is now.
        _newest |= listed && answer is { Code: HttpStatusCode.Gone or HttpStatusCode.GatewayTimeout };
        if (answer is not { IsNotFound: true })
            _missingSince = null;
        // A watch that breaks is an everyday thing; that it cannot be had again is not.
        if (failure is null || (!stuck && ((_opened && answer is { IsTransient: true }) || answer is { IsExpired: true })))
            yield break;
        if (answer is { IsNotFound: true } && Time.GetElapsedTime(_missingSince ??= Time.GetTimestamp()) >= _options.GoneAfter)
        {
            _known.BeginList();
            foreach ((string ns, string name) in _known.EndList())
                yield return new WatchEvent.Remove(ns, name);
        }

        if (_told == reason)
            yield break;
        _told = reason;
        yield return new WatchEvent.Unavailable(failure);
    }

    private async IAsyncEnumerable<WatchEvent> List([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await Locate(cancellationToken);
        _known.BeginList();
        string? next = null, version;
        do
        {
            ApiRequest request = Request(ListPath(next));
            string? asked = next;
            using HttpResponseMessage response = await Guarded(_client.Open(request, cancellationToken), asked);
            using JsonValues values = await Values(response, cancellationToken);
            var page = new ListPage(values, _options.AsTable);
            await foreach (JsonDocument item in Guarded(request, page.Items(cancellationToken), cancellationToken))
            {
                using (item)
                {
                    Columns = page.Columns ?? Columns;
                    if (Put(item.RootElement) is { } put)
                        yield return put;
                }
            }

            (version, next) = (page.Version, page.Next);
        }
        while (next is not null);

        foreach (WatchEvent told in EndList(version))
            yield return told;
        _client.RefusesStreamingLists |= _refused;
        (_newest, _whole, _plain, _refused) = (false, false, false, false);
    }

    private async Task Locate(CancellationToken cancellationToken)
    {
        ApiPath path = await _find(cancellationToken);
        _path = _options.AsTable ? path.With("includeObject", "Metadata") : path;
    }

    private ApiPath ListPath(string? next)
    {
        ApiPath path = _whole ? _path : _path.With("limit", _options.PageSize.ToString(CultureInfo.InvariantCulture));
        if (next is not null)
            return path.With("continue", next);
        if (_newest)
            return path;
        // At first whatever the server has at hand, which costs it least; later nothing older than what is known.
        return path.With("resourceVersion", _version ?? "0").With("resourceVersionMatch", "NotOlderThan");
    }

    /// <summary>Notes that a list was forgotten between its pages, so that the next is taken whole.</summary>
    private async Task<HttpResponseMessage> Guarded(Task<HttpResponseMessage> page, string? continues)
    {
        try
        {
            return await page;
        }
        catch (ApiException error) when (error.IsExpired && continues is not null)
        {
            _whole = true;
            throw;
        }
    }

    private async IAsyncEnumerable<WatchEvent> StreamList([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await Locate(cancellationToken);
        _known.BeginList();
        ApiPath path = _path.With("sendInitialEvents", "true").With("resourceVersionMatch", "NotOlderThan");
        await foreach (WatchEvent told in Frames(_newest || _version is null ? path : path.With("resourceVersion", _version), cancellationToken))
            yield return told;
        if (!_listed)
            throw new ApiException($"GET {_path}", ApiException.NoAnswer, ApiException.MalformedReason, "the list came to no end");
    }

    private IAsyncEnumerable<WatchEvent> Follow(CancellationToken cancellationToken) =>
        Frames(_path.With("resourceVersion", _version!), cancellationToken);

    private async IAsyncEnumerable<WatchEvent> Frames(ApiPath path, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        double seconds = _options.WatchFor.TotalSeconds * (1 + (Random.Shared.NextDouble() / 2));
        ApiRequest request = Request(path.With("watch", "true").With("allowWatchBookmarks", "true")
            .With("timeoutSeconds", ((int)Math.Ceiling(seconds)).ToString(CultureInfo.InvariantCulture)));
        using HttpResponseMessage response = await _client.Open(request, cancellationToken);
        using JsonValues values = await Values(response, cancellationToken);
        _opened = true;
        if (_listed && Recovers(!IsToldAsBroken))
            yield return new WatchEvent.Synced();

        await foreach (JsonDocument document in Guarded(request, Documents(values, cancellationToken), cancellationToken))
        {
            using JsonDocument frame = document;
            bool follows = _listed;
            foreach (WatchEvent told in Take(new WatchFrame(frame.RootElement, _options.AsTable), request))
                yield return told;
            if (!follows)
                continue;
            (_progressed, _broken) = (true, 0);
            if (Recovers(true))
                yield return new WatchEvent.Synced();
        }
    }

    /// <summary>Whether what was told last is that watches break, which neither a list nor the beginning of a watch disproves.</summary>
    private bool IsToldAsBroken => _broken >= MostBroken && _told == _brokenBy;

    /// <summary>Whether there was something that is over now.</summary>
    private bool Recovers(bool over)
    {
        bool recovers = over && _told is not null;
        if (recovers)
            _told = null;
        return recovers;
    }

    private List<WatchEvent> Take(WatchFrame frame, ApiRequest request)
    {
        if (frame.IsError)
        {
            ApiException error = ApiFault.Of(_path, request.Asked, ApiException.NoAnswer, frame.Object);
            // It may be about what comes next, which would be met again. A server that is merely busy says so.
            _astray = error.Code != HttpStatusCode.TooManyRequests;
            throw error;
        }

        Columns = frame.Columns ?? Columns;
        if (frame.IsBookmark)
        {
            if (_listed)
                _version = frame.Version;
            else if (frame.EndsInitial)
                return EndList(frame.Version);
            return [];
        }

        WatchEvent? told = frame.IsDeleted ? Remove(frame.Item) : Put(frame.Item);
        // Before its end a list has no order, so what came of it is no place to go on from.
        if (_listed)
            _version = frame.Version;
        return told is null ? [] : [told];
    }

    private List<WatchEvent> EndList(string? version)
    {
        _version = version ?? throw new ApiException($"GET {_path}", ApiException.NoAnswer, ApiException.MalformedReason, "the list has no resourceVersion");
        (_listed, _newest, _missingSince) = (true, false, null);
        List<WatchEvent> told = [.. _known.EndList().Select(gone => new WatchEvent.Remove(gone.Namespace, gone.Name))];
        if (!IsToldAsBroken)
        {
            _told = null;
            told.Add(new WatchEvent.Synced());
        }

        return told;
    }

    private WatchEvent.Put? Put(JsonElement item)
    {
        JsonElement metadata = WatchFrame.Metadata(item, _options.AsTable);
        (string Namespace, string Name)? key = _known.Put(
            JsonMembers.Text(metadata, "namespace") ?? "",
            JsonMembers.Text(metadata, "name") ?? throw new JsonException("an object has no name"),
            JsonMembers.Text(metadata, "resourceVersion") ?? "");
        return key is { } told ? new WatchEvent.Put(item, told.Namespace, told.Name) : null;
    }

    private WatchEvent.Remove? Remove(JsonElement item)
    {
        JsonElement metadata = WatchFrame.Metadata(item, _options.AsTable);
        string ns = JsonMembers.Text(metadata, "namespace") ?? "", name = JsonMembers.Text(metadata, "name") ?? "";
        return _known.Remove(ns, name) ? new WatchEvent.Remove(ns, name) : null;
    }

    private async Task<JsonValues> Values(HttpResponseMessage response, CancellationToken cancellationToken) =>
        new(await response.Content.ReadAsStreamAsync(cancellationToken), _options.Silence, Time);

    private static async IAsyncEnumerable<JsonDocument> Documents(JsonValues values, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        while (await values.Next(cancellationToken) is { } document)
            yield return document;
    }

    /// <summary>Whatever goes wrong in reading an answer is a failure of the request.</summary>
    private async IAsyncEnumerable<T> Guarded<T>(ApiRequest request, IAsyncEnumerable<T> answer, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using IAsyncEnumerator<T> values = answer.GetAsyncEnumerator(cancellationToken);
        while (true)
        {
            try
            {
                if (!await values.MoveNextAsync())
                    yield break;
            }
            catch (Exception error) when (error is IOException or HttpRequestException or JsonException or OperationCanceledException
                && !cancellationToken.IsCancellationRequested)
            {
                throw ApiFault.Of(request, _client.Access, error);
            }

            yield return values.Current;
        }
    }
}
