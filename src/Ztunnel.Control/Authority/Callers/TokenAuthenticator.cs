using System.Security.Cryptography;
using System.Text;
using Ztunnel.Identity;

namespace Ztunnel.Control;

/// <summary>
/// Finds out who calls by the bearer token of a call. What a review said is believed for some seconds, by the token's hash, so that a
/// node that starts does not have its token reviewed for every pod; several calls with one token wait for one review. As anybody may
/// call, what cannot be a token of ours costs no review, each client has its part of the reviews under way and no more, and they are
/// asked for by turns. A client is an address until a token has been good; from then on it is the pod, whoever shares its address.
/// </summary>
/// <param name="reviewer">Asks the API server.</param>
/// <param name="audience">What tokens must have been made for.</param>
/// <param name="time">The clock.</param>
/// <param name="limits">How much at once.</param>
internal sealed class TokenAuthenticator(ITokenReviewer reviewer, string audience, TimeProvider time, ReviewLimits limits)
{
    /// <summary>How long a review counts: how long a token may be of use after its pod is gone or it has expired.</summary>
    public static readonly TimeSpan Kept = TimeSpan.FromSeconds(10);

    /// <summary>How long a review may take, whoever still waits for it.</summary>
    public static readonly TimeSpan Longest = TimeSpan.FromSeconds(10);

    private const string Scheme = "Bearer ";
    private const int LongestToken = 32 * 1024;

    private readonly Lock _gate = new();
    private readonly Dictionary<string, Review> _reviews = new(StringComparer.Ordinal);
    private readonly Queue<(string Key, Review Review)> _order = new();
    private readonly FairTurns _turns = new(limits.AtOnce);
    private readonly SharedPlaces _places = new(limits.EachUnderWay);
    private readonly CallerRates _rates = new(time);
    private int _underWay;

    /// <summary>
    /// Who calls. Throws <see cref="GrpcException"/>: nobody known, or it cannot be found out now, or too many are being asked about.
    /// </summary>
    /// <param name="authorization">The call's header.</param>
    /// <param name="client">The address it comes from.</param>
    /// <param name="cancellationToken">Ends the wait for a review, not the review.</param>
    public async Task<Caller> Authenticate(string? authorization, string client, CancellationToken cancellationToken)
    {
        if (authorization is null || !authorization.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase))
            throw Nobody(client, "the call has no bearer token");
        string token = authorization[Scheme.Length..].Trim();
        if (token.Length is 0 or > LongestToken)
            throw Nobody(client, "the bearer token is empty or too long");
        return await Find(token, client).WaitAsync(cancellationToken)
            ?? throw new GrpcException(GrpcStatus.Unauthenticated, "the token has expired, or is not for this authority, or its pod is gone");
    }

    private GrpcException Nobody(string client, string why)
    {
        Charge(client);
        return new GrpcException(GrpcStatus.Unauthenticated, why);
    }

    private void Charge(string client)
    {
        if (!_rates.TryTake(client, limits.EachRate))
            throw new GrpcException(GrpcStatus.ResourceExhausted, $"too many calls of {client} with tokens that are not known to be good: try again");
    }

    /// <summary>A call that is to come again is charged when it does.</summary>
    private GrpcException Later(string client, string why)
    {
        _rates.GiveBack(client);
        return new GrpcException(GrpcStatus.ResourceExhausted, why);
    }

    private Task<Caller?> Find(string token, string client)
    {
        string key = Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(token)));
        lock (_gate)
        {
            DateTimeOffset now = time.GetUtcNow();
            Review? known = _reviews.GetValueOrDefault(key);
            if (known is not null && now < known.Until && !known.IsOfNobody)
                return known.Answer;
            string lane = known?.Good?.RateKey ?? client;
            Charge(lane);
            if (known is not null && now < known.Until)
                return known.Answer;
            if (TokenClaims.Fault(token, audience, now) is { } fault)
                throw new GrpcException(GrpcStatus.Unauthenticated, fault);
            if (_underWay >= limits.UnderWay)
                throw Later(lane, "too many tokens are being reviewed: try again");
            if (!_places.TryTake(lane))
                throw Later(lane, $"too many tokens of {lane} are being reviewed: try again");
            Forget();
            _underWay++;
            // Not the call's own token of cancellation: others may wait for the same review.
            var review = new Review(Task.Run(() => Ask(token, lane)), now + Longest + Kept, known?.Good);
            _reviews[key] = review;
            _order.Enqueue((key, review));
            _ = Settle(key, lane, review);
            return review.Answer;
        }
    }

    private async Task<Caller?> Ask(string token, string lane)
    {
        using var deadline = new CancellationTokenSource(Longest, time);
        try
        {
            await _turns.Wait(lane, deadline.Token);
            try
            {
                return await reviewer.Review(token, deadline.Token);
            }
            finally
            {
                _turns.Release();
            }
        }
        catch (OperationCanceledException)
        {
            throw new GrpcException(GrpcStatus.Unavailable, "the API server does not review tokens now (no answer)");
        }
    }

    /// <summary>Counts the time from the answer on, and keeps no failure: the next call is to find out anew.</summary>
    private async Task Settle(string key, string lane, Review review)
    {
        await ((Task)review.Answer).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _places.Leave(lane);
        lock (_gate)
        {
            _underWay--;
            if (review.Answer.IsCompletedSuccessfully)
                review.Until = time.GetUtcNow() + Kept;
            else if (review.Good is not null)
                review.Until = DateTimeOffset.MinValue;
            else if (_reviews.GetValueOrDefault(key) == review)
                _reviews.Remove(key);
        }
    }

    /// <summary>Makes room for one more: the oldest go.</summary>
    private void Forget()
    {
        while (_order.Count >= limits.Kept)
        {
            (string key, Review review) = _order.Dequeue();
            // Another may have taken its place.
            if (_reviews.GetValueOrDefault(key) == review)
                _reviews.Remove(key);
        }
    }

    private sealed class Review(Task<Caller?> answer, DateTimeOffset until, Caller? before)
    {
        public Task<Caller?> Answer { get; } = answer;

        public DateTimeOffset Until { get; set; } = until;

        /// <summary>Whose the token was when it was last known.</summary>
        public Caller? Good => Answer.IsCompletedSuccessfully ? Answer.Result : before;

        public bool IsOfNobody => Answer is { IsCompletedSuccessfully: true, Result: null };
    }
}
