using Ztunnel.Mesh;

namespace Ztunnel.Gateway;

/// <summary>The tries of one request: where they went, how long they may take, and whether there may be another.</summary>
/// <param name="rule">When there is another.</param>
/// <param name="traffic">What the rule of the request's service says; null for no rule.</param>
/// <param name="body">The request's body, where it can be sent again.</param>
/// <param name="hasBody">Whether there is one.</param>
/// <param name="whole">How long all tries may take together; null for as long as they like.</param>
/// <param name="each">How long each may take; null for as long as it likes.</param>
internal sealed class RequestTries(
    RetryRule rule, ServiceTraffic? traffic, RequestBody? body, bool hasBody, TimeSpan? whole, TimeSpan? each) : IDisposable
{
    /// <summary>What is longer is no limit in practice, and more than timers take.</summary>
    private static readonly TimeSpan Longest = TimeSpan.FromDays(30);

    private readonly CancellationTokenSource? _deadline = whole is { } limit ? new CancellationTokenSource(limit < Longest ? limit : Longest) : null;
    private CancellationTokenSource? _tryDeadline;
    private bool _retrying;

    /// <summary>Which try it is, from 1; 0 before the first.</summary>
    public int Number { get; private set; }

    /// <summary>The endpoints that failed; null for none.</summary>
    public List<Endpoint>? Failed { get; private set; }

    /// <summary>Whether the answer of this try was not taken, so that there is another.</summary>
    public bool Refused { get; private set; }

    /// <summary>The status of this try's answer; 0 before there is one.</summary>
    public int Status { get; private set; }

    /// <summary>Whether the request has had its time.</summary>
    public bool TimedOut => _deadline is { IsCancellationRequested: true };

    /// <summary>Whether this try has had its time.</summary>
    public bool TryTimedOut => _tryDeadline is { IsCancellationRequested: true };

    /// <summary>Ends with the request's time.</summary>
    public CancellationToken Deadline => _deadline?.Token ?? CancellationToken.None;

    /// <summary>Another try begins. Returns what ends it.</summary>
    public CancellationToken Begin()
    {
        Number++;
        Refused = false;
        Status = 0;
        body?.Rewind();
        if (each is not { } limit)
            return Deadline;
        _tryDeadline?.Dispose();
        _tryDeadline = CancellationTokenSource.CreateLinkedTokenSource(Deadline);
        _tryDeadline.CancelAfter(limit < Longest ? limit : Longest);
        return _tryDeadline.Token;
    }

    /// <summary>Whether an answer is not to be taken, as there is to be another try.</summary>
    public bool Refuse(HttpResponseMessage answer)
    {
        string? grpcStatus = answer.Version.Major == 2 && answer.Headers.NonValidated.TryGetValues("grpc-status", out var values)
            ? values.ToString()
            : null;
        Status = (int)answer.StatusCode;
        Refused = rule.AfterAnswer(Status, grpcStatus) && MayTryAgain(bodyUntouched: false);
        return Refused;
    }

    /// <summary>Whether there is to be another try after one without an answer.</summary>
    public bool Again(TryFailure failure) => rule.After(failure) && MayTryAgain(bodyUntouched: failure == TryFailure.NotConnected);

    /// <summary>This try came to nothing at an endpoint: others go first.</summary>
    public void Fail(Endpoint? at)
    {
        if (at is not null)
            (Failed ??= []).Add(at);
    }

    /// <summary>No endpoint is left that has not failed: each may be tried again.</summary>
    public void Forgive() => Failed = null;

    /// <summary>Waits before the next try. False where there will be none: the request's time is over, or nobody waits for it.</summary>
    public async Task<bool> Wait(CancellationToken gone)
    {
        using var end = CancellationTokenSource.CreateLinkedTokenSource(Deadline, gone);
        TimeSpan wait = rule.Wait(Number, Random.Shared.NextDouble());
        await Task.Delay(wait < Longest ? wait : Longest, end.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return !end.IsCancellationRequested;
    }

    /// <summary>What the request has become goes on for as long as it likes.</summary>
    public void LetGo()
    {
        _deadline?.CancelAfter(Timeout.InfiniteTimeSpan);
        _tryDeadline?.CancelAfter(Timeout.InfiniteTimeSpan);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _tryDeadline?.Dispose();
        _deadline?.Dispose();
        if (_retrying)
            traffic!.Limits.LeaveRetry();
    }

    private bool MayTryAgain(bool bodyUntouched) =>
        Number <= rule.Retries && !TimedOut && (bodyUntouched || (body?.CanSendAgain ?? !hasBody)) && MayRetryAtAll();

    /// <summary>Whether the service's rule allows another request to be tried again. What was allowed once may go on.</summary>
    private bool MayRetryAtAll() =>
        traffic is null || _retrying || (_retrying = traffic.Limits.EnterRetry(traffic.Policy.ConnectionPool));
}
