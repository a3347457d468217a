using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Ztunnel.Kubernetes;

/// <summary>
/// Elects one of several by a Lease (coordination.k8s.io/v1), by the rules of client-go's leaderelection, so that its
/// contenders and ours may share a Lease. Clocks need not agree: each contender measures by its own how long it has seen no
/// renewal.
/// </summary>
public sealed partial class LeaderElection
{
    private readonly LeaderElectionOptions _options;
    private readonly ILogger _logger;
    private readonly ApiClient _client;
    private readonly TimeProvider _time;
    private readonly LeaseHold _lease;
    private volatile bool _leading;

    /// <summary>Contends for nothing yet.</summary>
    public LeaderElection(ApiClient client, LeaderElectionOptions options, ILogger? logger = null)
    {
        ArgumentNullException.ThrowIfNull(client);
        ArgumentNullException.ThrowIfNull(options);
        if (options.RenewDeadline >= options.LeaseDuration)
            throw new ArgumentException($"{nameof(options.RenewDeadline)} must be less than {nameof(options.LeaseDuration)}", nameof(options));
        _options = options;
        _logger = logger ?? NullLogger.Instance;
        _client = client;
        _time = client.Time;
        _lease = new LeaseHold(client, options);
    }

    /// <summary>Whether this contender leads.</summary>
    public bool IsLeader => _leading;

    /// <summary>Who leads, as far as is known; null when nobody does.</summary>
    public string? Leader => _lease.Holder;

    /// <summary>
    /// Contends until cancelled; each time it is elected it runs <paramref name="onElected"/>, whose token is cancelled when it
    /// leads no longer. It contends again only when that has ended. Gives the Lease back in the end. Throws what
    /// <paramref name="onElected"/> throws; where that ends by itself, this does too.
    /// </summary>
    public async Task Run(Func<CancellationToken, Task> onElected, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(onElected);
        while (true)
        {
            await Acquire(cancellationToken);
            LogElected(_options.Identity, _options.Namespace, _options.Name);
            if (await Lead(onElected, cancellationToken))
                return;
            cancellationToken.ThrowIfCancellationRequested();
            LogLost(_options.Identity, _options.Namespace, _options.Name, Leader ?? "nobody");
        }
    }

    private async Task Acquire(CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                if (await TryTake(cancellationToken))
                    return;
            }
            catch (Exception error) when (error is ApiException or ApiAccessException or TimeoutException)
            {
                LogFailed(_options.Namespace, _options.Name, error.Message);
            }

            // Spread, so that those who wait do not all try at once.
            await Task.Delay(_options.RetryPeriod * (1 + (Random.Shared.NextDouble() / 5)), _time, cancellationToken);
        }
    }

    /// <summary>Whether <paramref name="onElected"/> ended by itself.</summary>
    private async Task<bool> Lead(Func<CancellationToken, Task> onElected, CancellationToken cancellationToken)
    {
        using var leading = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        using var ended = new CancellationTokenSource();
        _leading = true;
        Task work = Task.Run(() => onElected(leading.Token), CancellationToken.None);
        Task renewal = Renew(leading, ended.Token);
        try
        {
            await work;
            return !leading.IsCancellationRequested;
        }
        catch (OperationCanceledException) when (leading.IsCancellationRequested)
        {
            return false;
        }
        finally
        {
            _leading = false;
            await ended.CancelAsync();
            await renewal;
            await Release();
        }
    }

    /// <summary>Renews until told to end; cancels <paramref name="leading"/> when it is lost or could not be renewed in time.</summary>
    private async Task Renew(CancellationTokenSource leading, CancellationToken ended)
    {
        try
        {
            while (true)
            {
                TimeSpan left = _options.RenewDeadline - _lease.Age;
                using var deadline = new CancellationTokenSource(left > TimeSpan.Zero ? left : TimeSpan.Zero, _time);
                using var either = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, ended);
                if (!await RenewBefore(either.Token))
                    break;
            }
        }
        catch (OperationCanceledException)
        {
            // Too late, or no longer wanted.
        }

        _leading = false;
        if (!ended.IsCancellationRequested)
            await leading.CancelAsync();
    }

    /// <summary>Renews once, trying until cancelled; false where another has the Lease.</summary>
    private async Task<bool> RenewBefore(CancellationToken cancellationToken)
    {
        TimeSpan wait = _options.RetryPeriod;
        while (true)
        {
            await Task.Delay(wait, _time, cancellationToken);
            long began = _time.GetTimestamp();
            try
            {
                return await TryTake(cancellationToken);
            }
            catch (Exception error) when (error is ApiException or ApiAccessException or TimeoutException)
            {
                LogFailed(_options.Namespace, _options.Name, error.Message);
                // What the try took has been waited already.
                wait = _options.RetryPeriod - _time.GetElapsedTime(began);
                wait = wait > TimeSpan.Zero ? wait : TimeSpan.Zero;
            }
        }
    }

    /// <summary>
    /// One try, which may take half the time that there is for renewing, so that another one follows in time; that is made on
    /// a new connection, as the old one may be dead. Throws <see cref="TimeoutException"/> too.
    /// </summary>
    private async Task<bool> TryTake(CancellationToken cancellationToken)
    {
        using var patience = new CancellationTokenSource(_options.RenewDeadline / 2, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, cancellationToken);
        try
        {
            return await _lease.TryTake(either.Token);
        }
        catch (OperationCanceledException error) when (!cancellationToken.IsCancellationRequested)
        {
            _client.Reconnect();
            throw new TimeoutException($"no answer in {_options.RenewDeadline / 2}", error);
        }
    }

    private async Task Release()
    {
        using var patience = new CancellationTokenSource(_options.RetryPeriod, _time);
        try
        {
            await _lease.Release(patience.Token);
        }
        catch (Exception error) when (error is ApiException or ApiAccessException or OperationCanceledException)
        {
            LogFailed(_options.Namespace, _options.Name, error.Message);
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "{Identity} leads by the Lease {Namespace}/{Name}")]
    private partial void LogElected(string identity, string @namespace, string name);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Identity} leads by the Lease {Namespace}/{Name} no longer; {Leader} does")]
    private partial void LogLost(string identity, string @namespace, string name, string leader);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The Lease {Namespace}/{Name} cannot be read or written: {Error}")]
    private partial void LogFailed(string @namespace, string name, string error);
}
