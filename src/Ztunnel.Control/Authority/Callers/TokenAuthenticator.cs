using System.Security.Cryptography;
using System.Text;
using Ztunnel.Identity;

namespace Ztunnel.Control;

/// <summary>
/// Finds out who calls by the bearer token of a call. What a review said is believed for some seconds, by the token's hash, so that a
/// node that starts does not have its token reviewed for every pod; several calls with one token wait for one review.
/// </summary>
internal sealed class TokenAuthenticator(ITokenReviewer reviewer, TimeProvider time) : IDisposable
{
    /// <summary>How long a review counts: how long a token may be of use after its pod is gone or it has expired.</summary>
    public static readonly TimeSpan Kept = TimeSpan.FromSeconds(10);

    /// <summary>How long a review may take, whoever still waits for it.</summary>
    public static readonly TimeSpan Longest = TimeSpan.FromSeconds(10);

    private const string Scheme = "Bearer ";
    private const int LongestToken = 32 * 1024;
    private const int MostKept = 20_000;
    private const int MostAtOnce = 64;

    private readonly Lock _gate = new();
    private readonly Dictionary<string, Review> _reviews = new(StringComparer.Ordinal);
    private readonly SemaphoreSlim _places = new(MostAtOnce);

    /// <summary>Who calls. Throws <see cref="GrpcException"/>: nobody known, or it cannot be found out now.</summary>
    public async Task<Caller> Authenticate(string? authorization, CancellationToken cancellationToken)
    {
        if (authorization is null || !authorization.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase))
            throw new GrpcException(GrpcStatus.Unauthenticated, "the call has no bearer token");
        string token = authorization[Scheme.Length..].Trim();
        if (token.Length is 0 or > LongestToken)
            throw new GrpcException(GrpcStatus.Unauthenticated, "the bearer token is empty or too long");
        return await Find(token).WaitAsync(cancellationToken)
            ?? throw new GrpcException(GrpcStatus.Unauthenticated, "the token has expired, or is not for this authority, or its pod is gone");
    }

    public void Dispose() => _places.Dispose();

    private Task<Caller?> Find(string token)
    {
        string key = Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(token)));
        lock (_gate)
        {
            DateTimeOffset now = time.GetUtcNow();
            if (_reviews.TryGetValue(key, out Review? known) && now < known.Until)
                return known.Answer;
            if (_reviews.Count >= MostKept)
                Forget(now);
            // Not the call's own token of cancellation: others may wait for the same review.
            var review = new Review(Task.Run(() => Ask(token)), now + Longest + Kept);
            _reviews[key] = review;
            _ = Settle(key, review);
            return review.Answer;
        }
    }

    private async Task<Caller?> Ask(string token)
    {
        using var deadline = new CancellationTokenSource(Longest, time);
        try
        {
            await _places.WaitAsync(deadline.Token);
            try
            {
                return await reviewer.Review(token, deadline.Token);
            }
            finally
            {
                _places.Release();
            }
        }
        catch (OperationCanceledException)
        {
            throw new GrpcException(GrpcStatus.Unavailable, "the API server does not review tokens now (no answer)");
        }
    }

    /// <summary>Counts the time from the answer on, and keeps no failure: the next call is to find out anew.</summary>
    private async Task Settle(string key, Review review)
    {
        await ((Task)review.Answer).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        lock (_gate)
        {
            if (review.Answer.IsCompletedSuccessfully)
                review.Until = time.GetUtcNow() + Kept;
            else if (_reviews.GetValueOrDefault(key) == review)
                _reviews.Remove(key);
        }
    }

    private void Forget(DateTimeOffset now)
    {
        foreach ((string key, Review review) in _reviews)
        {
            if (now >= review.Until)
                _reviews.Remove(key);
        }

        // That many in some seconds are somebody's who makes them up.
        if (_reviews.Count >= MostKept)
            _reviews.Clear();
    }

    private sealed class Review(Task<Caller?> answer, DateTimeOffset until)
    {
        public Task<Caller?> Answer { get; } = answer;

        public DateTimeOffset Until { get; set; } = until;
    }
}
