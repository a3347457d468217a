using Microsoft.AspNetCore.Http;
using Ztunnel.Testing.Api;

namespace Ztunnel.Testing;

/// <summary>What can go wrong with an API server, for tests to bring about.</summary>
public sealed class ApiFaults
{
    private readonly Store _store;
    private readonly ServerHost _host;
    private readonly TimeProvider _time;
    private readonly Lock _gate = new();
    private readonly List<Rule> _rules = [];

    internal ApiFaults(Store store, ServerHost host, TimeProvider time)
    {
        _store = store;
        _host = host;
        _time = time;
    }

    /// <summary>
    /// Ends all watches: in good order, as a server does that goes down, or with <paramref name="abruptly"/> in the middle of the
    /// connection.
    /// </summary>
    public void DropWatches(bool abruptly = false)
    {
        lock (_store.Gate)
        {
            foreach (Watcher watcher in _store.Collections.SelectMany(collection => collection.AllWatchers()))
                watcher.End(abruptly ? new WatchBroken() : null);
        }
    }

    /// <summary>Forgets the past: watches from an earlier resource version and further pages of lists get 410.</summary>
    public void Compact() => _store.Compact();

    /// <summary>Breaks all connections and refuses new ones, until <see cref="ComeBack"/>.</summary>
    public Task GoAway() => _host.Stop();

    /// <summary>Takes connections again, at the same address and with all that was there.</summary>
    public Task ComeBack() => _host.Start();

    /// <summary>
    /// Answers requests with a status instead of what they ask for (429 and 503 with Retry-After), until the result is disposed of or
    /// <paramref name="times"/> requests have met it.
    /// </summary>
    public IDisposable Fail(
        int status, Func<ApiRequest, bool>? which = null, int times = int.MaxValue, TimeSpan? retryAfter = null)
    {
        return Add(new Rule(which ?? (static _ => true), times, _ => throw Failure(status, retryAfter)));
    }

    /// <summary>Answers requests only after a while, until the result is disposed of.</summary>
    public IDisposable Delay(TimeSpan delay, Func<ApiRequest, bool>? which = null) =>
        Add(new Rule(which ?? (static _ => true), int.MaxValue, ct => Task.Delay(delay, _time, ct)));

    /// <summary>Keeps requests waiting until the result is disposed of.</summary>
    public IDisposable Hold(Func<ApiRequest, bool>? which = null)
    {
        TaskCompletionSource released = new(TaskCreationOptions.RunContinuationsAsynchronously);
        return Add(new Rule(which ?? (static _ => true), int.MaxValue, released.Task.WaitAsync) { Ended = released.SetResult });
    }

    /// <summary>Lets a request meet what is set up for it.</summary>
    internal async Task Meet(ApiRequest request, HttpContext http)
    {
        Rule[] met;
        lock (_gate)
        {
            met = [.. _rules.Where(rule => rule.Left > 0 && rule.Which(request))];
            foreach (Rule rule in met)
                rule.Left--;
        }

        foreach (Rule rule in met)
            await rule.Effect(http.RequestAborted);
    }

    private static ApiFailure Failure(int status, TimeSpan? retryAfter) => status switch
    {
        429 => new ApiFailure(429, "TooManyRequests", "the server has received too many requests and has asked us to try again later")
        {
            RetryAfter = (int)(retryAfter ?? TimeSpan.FromSeconds(1)).TotalSeconds,
        },
        503 => new ApiFailure(503, "ServiceUnavailable", "the server is currently unable to handle the request")
        {
            RetryAfter = (int?)retryAfter?.TotalSeconds,
        },
        504 => new ApiFailure(504, "Timeout", "the server was unable to return a response in the time allotted"),
        403 => new ApiFailure(403, "Forbidden", "the request is forbidden"),
        _ => new ApiFailure(status, status == 500 ? "InternalError" : "Unknown", "an error on the server has prevented the request from succeeding"),
    };

    private Ending Add(Rule rule)
    {
        lock (_gate)
            _rules.Add(rule);
        return new Ending(() =>
        {
            lock (_gate)
                _rules.Remove(rule);
            rule.Ended();
        });
    }

    private sealed class Rule(Func<ApiRequest, bool> which, int times, Func<CancellationToken, Task> effect)
    {
        public Func<ApiRequest, bool> Which => which;

        public int Left { get; set; } = times;

        public Func<CancellationToken, Task> Effect => effect;

        public Action Ended { get; init; } = static () => { };
    }

    private sealed class Ending(Action end) : IDisposable
    {
        private Action? _end = end;

        public void Dispose() => Interlocked.Exchange(ref _end, null)?.Invoke();
    }
}
