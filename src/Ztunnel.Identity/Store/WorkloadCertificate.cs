using System.Collections.Immutable;
using Microsoft.Extensions.Logging;
using Ztunnel.Mesh;

namespace Ztunnel.Identity;

/// <summary>
/// One identity's certificate, kept fresh from the moment this is made until it is disposed: one loop asks, installs, and
/// waits for half of the certificate's life or for the end of a back-off. Being the only one that asks, it makes any number
/// of concurrent askers share a request.
/// </summary>
internal sealed partial class WorkloadCertificate : IAsyncDisposable
{
    // Waits are cut in pieces after which the clock is read again: timers stand still while a machine sleeps, validity does not.
    private static readonly TimeSpan LongestWait = TimeSpan.FromMinutes(1);

    // Half of what is left, again and again, would ask ever faster as the authority's own end comes near.
    private static readonly TimeSpan ShortestRenewal = TimeSpan.FromSeconds(1);

    private readonly CertificateSource _source;
    private readonly TrustBundle _trust;
    private readonly IWorkloadContext _context;
    private readonly CertificateStoreOptions _options;
    private readonly TimeProvider _time;
    private readonly Func<double> _random;
    private readonly ILogger _logger;
    private readonly Lock _gate = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly TaskCompletionSource _settled = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Task _loop;
    private volatile State _state = State.None;
    private volatile bool _released;

    public WorkloadCertificate(
        SpiffeId identity,
        CertificateSource source,
        TrustBundle trust,
        IWorkloadContext context,
        CertificateStoreOptions options,
        TimeProvider time,
        Func<double> random,
        ILogger logger)
    {
        Identity = identity;
        _source = source;
        _trust = trust;
        _context = context;
        _options = options;
        _time = time;
        _random = random;
        _logger = logger;
        // Away from the caller, who may be an event loop: making keys and signing take their time.
        _loop = Task.Run(Keep);
    }

    public SpiffeId Identity { get; }

    /// <summary>The context, once it holds a certificate that is valid now.</summary>
    /// <exception cref="CertificateUnavailableException">
    /// There is none: the first request failed, it expired, or it was released.
    /// </exception>
    public ValueTask<IWorkloadContext> Get(CancellationToken cancellationToken)
    {
        if (_state is { Chain.IsEmpty: true, Failures: 0 } && !_released)
            return GetFirst(cancellationToken);
        return Fault() is { } fault ? ValueTask.FromException<IWorkloadContext>(fault) : ValueTask.FromResult(_context);
    }

    public CertificateStatus Status()
    {
        State state = _state;
        return new CertificateStatus
        {
            Identity = Identity,
            State = state switch
            {
                { Chain.IsEmpty: true, Failures: 0 } => CertificateState.Initializing,
                { Chain.IsEmpty: false } when _time.GetUtcNow() < state.NotAfter => CertificateState.Available,
                _ => CertificateState.Unavailable,
            },
            Chain = state.Chain,
            Roots = _trust.Current.Certificates,
            Failures = state.Failures,
            LastError = state.LastError,
            NextAttempt = state.NextAttempt,
        };
    }

    /// <summary>
    /// Puts the bundle's present roots in use, after they changed. A certificate that leads to none of them any more is of
    /// no use to peers with the same bundle, so it is renewed soon, and not at half its life.
    /// </summary>
    public void ApplyRoots()
    {
        lock (_gate)
        {
            if (_state.Last is not { } last || _released)
                return;
            TrustRoots roots = _trust.Current;
            _context.Trust(roots);
            if (!roots.AreIssuerOf(last) && _state.NextAttempt is { } next)
                _state = _state with { NextAttempt = Earlier(next, Soon()) };
        }
    }

    /// <summary>Stops renewing, forgets the key and turns away whoever still waits.</summary>
    public async ValueTask DisposeAsync()
    {
        _released = true;
        _settled.TrySetResult();
        await _stop.CancelAsync();
        try
        {
            await _loop;
        }
        finally
        {
            lock (_gate)
                _context.Dispose();
            _stop.Dispose();
        }
    }

    private async ValueTask<IWorkloadContext> GetFirst(CancellationToken cancellationToken)
    {
        await _settled.Task.WaitAsync(cancellationToken);
        return Fault() is { } fault ? throw fault : _context;
    }

    private CertificateUnavailableException? Fault()
    {
        State state = _state;
        if (_released)
            return new(CertificateUnavailable.Released, Identity, "its last workload left this node");
        if (!state.Chain.IsEmpty && _time.GetUtcNow() < state.NotAfter)
            return null;
        string next = state.NextAttempt is { } at ? $"next attempt {at:u}" : "an attempt is under way";
        return state.Chain.IsEmpty
            ? new(CertificateUnavailable.NotIssued, Identity, $"{state.LastError}; {next}")
            : new(
                CertificateUnavailable.Expired,
                Identity,
                $"it expired {state.NotAfter:u}; {state.LastError ?? "not renewed yet"}; {next}");
    }

    private async Task Keep()
    {
        CancellationToken stop = _stop.Token;
        try
        {
            while (true)
            {
                await Attempt(stop);
                _settled.TrySetResult();
                while (_state.NextAttempt - _time.GetUtcNow() is { Ticks: > 0 } left)
                    await Task.Delay(Piece(left), _time, stop);
            }
        }
        catch (Exception) when (stop.IsCancellationRequested)
        {
            // Disposed; what failed at the same moment is nobody's any more.
        }
    }

    // Whole milliseconds upwards: Task.Delay drops the rest, and the loop would spin through the last one.
    private static TimeSpan Piece(TimeSpan left) =>
        left < LongestWait ? TimeSpan.FromMilliseconds(Math.Ceiling(left.TotalMilliseconds)) : LongestWait;

    /// <summary>Asks once and says when to ask next.</summary>
    private async Task Attempt(CancellationToken stop)
    {
        lock (_gate)
            _state = _state with { NextAttempt = null };
        try
        {
            bool first = _state is { Chain.IsEmpty: true, Failures: 0 };
            using KeyedCertificate fetched = await _source.Fetch(Identity, first, stop);
            Install(fetched);
        }
        catch (Exception e) when (!stop.IsCancellationRequested)
        {
            // Whatever it was, it is this identity's alone, and is tried again.
            Failed(e.Message);
        }
    }

    private void Install(KeyedCertificate fetched)
    {
        lock (_gate)
        {
            TrustRoots roots = _trust.Current;
            _context.Install(fetched, roots);
            ParsedCertificate last = fetched.Chain[^1];
            DateTimeOffset now = _time.GetUtcNow();
            DateTimeOffset notAfter = fetched.Chain.Min(certificate => certificate.NotAfter);
            TimeSpan half = (notAfter - now) / 2 * (1 + (_options.RenewalJitter * ((2 * _random()) - 1)));
            DateTimeOffset next = now + (half > ShortestRenewal ? half : ShortestRenewal);
            // The roots may have changed while the answer was on its way.
            if (!roots.AreIssuerOf(last))
                next = Earlier(next, Soon());
            _state = new State([.. fetched.Chain.Select(CertificateDescription.Of)], last, notAfter, 0, null, next);
            LogInstalled(Identity, fetched.Chain[0].SerialNumber, notAfter, next);
        }
    }

    // Spread like any renewal, because every identity has the same reason at the same moment.
    private DateTimeOffset Soon() => _time.GetUtcNow() + (LongestWait * _random());

    private static DateTimeOffset Earlier(DateTimeOffset a, DateTimeOffset b) => a < b ? a : b;

    private void Failed(string error)
    {
        State state;
        lock (_gate)
        {
            int failures = _state.Failures + 1;
            // Past 2^30 the shift would come round again; the longest wait is reached long before.
            double doubled = _options.RetryInitial.Ticks * (double)(1L << Math.Min(failures - 1, 30));
            double wait = Math.Min(_options.RetryMax.Ticks, doubled);
            DateTimeOffset next = _time.GetUtcNow() + TimeSpan.FromTicks((long)(wait * (1 - (_random() / 2))));
            _state = state = _state with { Failures = failures, LastError = error, NextAttempt = next };
        }

        if (state.Chain.IsEmpty)
            LogNotIssued(Identity, state.Failures, error, state.NextAttempt);
        else if (_time.GetUtcNow() < state.NotAfter)
            LogNotRenewed(Identity, state.Failures, state.NotAfter, error, state.NextAttempt);
        else
            LogExpired(Identity, state.Failures, state.NotAfter, error, state.NextAttempt);
    }

    [LoggerMessage(
        Level = LogLevel.Information,
        Message = "certificate {Serial} for {Identity} is in use until {NotAfter:u}, renewed {Next:u}")]
    private partial void LogInstalled(SpiffeId identity, string serial, DateTimeOffset notAfter, DateTimeOffset next);

    [LoggerMessage(
        Level = LogLevel.Warning,
        Message = "no certificate for {Identity} after {Failures} attempts: {Error}; next attempt {Next:u}")]
    private partial void LogNotIssued(SpiffeId identity, int failures, string error, DateTimeOffset? next);

    [LoggerMessage(
        Level = LogLevel.Warning,
        Message = "certificate for {Identity} not renewed after {Failures} attempts, the one in use ends "
            + "{NotAfter:u}: {Error}; next attempt {Next:u}")]
    private partial void LogNotRenewed(
        SpiffeId identity, int failures, DateTimeOffset notAfter, string error, DateTimeOffset? next);

    [LoggerMessage(
        Level = LogLevel.Error,
        Message = "certificate for {Identity} expired {NotAfter:u} and was not renewed in {Failures} attempts: "
            + "{Error}; next attempt {Next:u}")]
    private partial void LogExpired(SpiffeId identity, int failures, DateTimeOffset notAfter, string error, DateTimeOffset? next);

    /// <summary>
    /// What is shown and decided by, swapped as one under the gate; the last of the chain is what a root must have
    /// signed.
    /// </summary>
    private sealed record State(
        ImmutableArray<CertificateDescription> Chain,
        ParsedCertificate? Last,
        DateTimeOffset NotAfter,
        int Failures,
        string? LastError,
        DateTimeOffset? NextAttempt)
    {
        public static readonly State None = new([], null, default, 0, null, null);
    }
}
