using Microsoft.Extensions.Logging;
using Ztunnel.Testing;
using static Ztunnel.Identity.Tests.StoreFixture;

namespace Ztunnel.Identity.Tests;

/// <summary>When the store asks again, and what holds until it succeeds.</summary>
public sealed class CertificateRenewalTests : IAsyncDisposable
{
    private readonly StoreFixture _fixture = new();

    private CertificateStore Store => _fixture.Store;

    public ValueTask DisposeAsync() => _fixture.DisposeAsync();

    [Theory]
    [InlineData(0.0, 0.45)]
    [InlineData(0.5, 0.50)]
    [InlineData(1.0, 0.55)]
    public async Task A_certificate_is_renewed_at_half_its_life_give_or_take_the_jitter(double random, double part)
    {
        _fixture.Random = random;
        Store.Request(Web);
        await _fixture.Available();
        string first = _fixture.Status().Chain[0].SerialNumber;
        DateTimeOffset due = _fixture.Status().NextAttempt!.Value;
        Assert.Equal(_fixture.Time.GetUtcNow() + (Lifetime * part), due);

        await _fixture.PassUntil(due - TimeSpan.FromMilliseconds(1));
        await _fixture.Parked();
        Assert.Equal(1, _fixture.Authority.Count(Web));

        _fixture.Time.Advance(TimeSpan.FromMilliseconds(1));
        await Eventually.Holds(() => _fixture.Status().Chain[0].SerialNumber != first);
        await _fixture.Parked();
        Assert.Equal(2, _fixture.Authority.Count(Web));
        Assert.Equal(2, _fixture.Contexts[0].Installed.Count);
        Assert.Equal(2, _fixture.Contexts[0].Keys.Select(Convert.ToHexString).Distinct(StringComparer.Ordinal).Count());
        Assert.Same(_fixture.Contexts[0], await Store.GetContext(Web, default));
    }

    [Fact]
    public async Task Renewal_slows_down_to_a_second_where_the_authority_itself_is_about_to_end()
    {
        await using var fixture = new StoreFixture(authority: new CertificateAuthorityOptions { RootLifetime = TimeSpan.FromMilliseconds(1500) });
        fixture.Store.Request(Web);
        await fixture.Available();

        // X.509 times are whole seconds.
        Assert.Equal(fixture.Time.GetUtcNow() + TimeSpan.FromSeconds(1), fixture.Status().NextAttempt);
    }

    [Theory]
    [InlineData(0.0, new[] { 1.0, 2, 4, 8, 16, 32, 60, 60 })]
    [InlineData(1.0, new[] { 0.5, 1, 2, 4, 8, 16, 30, 30 })]
    public async Task Failures_back_off_ever_longer_and_success_forgets_them(double random, double[] waits)
    {
        _fixture.Random = random;
        _fixture.Authority.Before = (_, _) => throw new IssuanceException(IssuanceFailure.Unavailable, "no route to the authority");
        Store.Request(Web);
        for (int failures = 1; failures <= waits.Length; failures++)
        {
            await Eventually.Holds(() => _fixture.Status().Failures == failures);
            await _fixture.Parked();
            CertificateStatus failed = _fixture.Status();
            Assert.Equal(CertificateState.Unavailable, failed.State);
            Assert.Equal("Unavailable: no route to the authority", failed.LastError);
            Assert.Equal(_fixture.Time.GetUtcNow() + TimeSpan.FromSeconds(waits[failures - 1]), failed.NextAttempt);
            if (failures < waits.Length)
                await _fixture.PassUntil(failed.NextAttempt!.Value);
        }

        _fixture.Authority.Before = null;
        await _fixture.PassUntil(_fixture.Status().NextAttempt!.Value);
        await _fixture.Available();
        Assert.Equal((0, null), (_fixture.Status().Failures, _fixture.Status().LastError));

        // Having recovered it begins again with the shortest wait.
        _fixture.Authority.Before = (_, _) => throw new IssuanceException(IssuanceFailure.Unavailable, "gone again");
        await _fixture.PassUntil(_fixture.Status().NextAttempt!.Value);
        await Eventually.Holds(() => _fixture.Status().Failures == 1);
        Assert.Equal(_fixture.Time.GetUtcNow() + TimeSpan.FromSeconds(waits[0]), _fixture.Status().NextAttempt);
        Assert.Equal(CertificateState.Available, _fixture.Status().State);
    }

    [Fact]
    public async Task A_hundred_failures_wait_no_longer_than_the_longest_wait()
    {
        await using var fixture = new StoreFixture(new CertificateStoreOptions
        {
            RetryInitial = TimeSpan.FromMilliseconds(1),
            RetryMax = TimeSpan.FromMilliseconds(2),
        });
        fixture.Authority.Before = (_, _) => throw new InvalidOperationException("always");
        fixture.Store.Request(Web);
        while (fixture.Status().Failures < 100)
        {
            await fixture.Parked();
            Assert.InRange(fixture.Status().NextAttempt!.Value, fixture.Time.GetUtcNow(), fixture.Time.GetUtcNow() + TimeSpan.FromMilliseconds(2));
            fixture.Time.Advance(TimeSpan.FromMilliseconds(2));
        }
    }

    [Fact]
    public async Task A_certificate_that_could_not_be_renewed_is_used_to_its_end_and_not_after()
    {
        Store.Request(Web);
        await _fixture.Available();
        DateTimeOffset end = _fixture.Status().Chain[0].NotAfter;
        _fixture.Authority.Before = (_, _) => throw new IOException("connection refused");

        await _fixture.PassUntil(end - TimeSpan.FromMilliseconds(1));
        Assert.Same(_fixture.Contexts[0], await Store.GetContext(Web, default));
        Assert.Equal(CertificateState.Available, _fixture.Status().State);
        Assert.Contains("connection refused", _fixture.Status().LastError, StringComparison.Ordinal);

        _fixture.Time.Advance(TimeSpan.FromMilliseconds(1));
        CertificateUnavailableException refused = await Refused();
        Assert.Equal(CertificateUnavailable.Expired, refused.Reason);
        Assert.Contains("connection refused", refused.Message, StringComparison.Ordinal);
        Assert.Equal(CertificateState.Unavailable, _fixture.Status().State);
        Assert.Single(_fixture.Status().Chain);

        _fixture.Authority.Before = null;
        await _fixture.Parked();
        await _fixture.PassUntil(_fixture.Status().NextAttempt!.Value);
        await _fixture.Available();
        Assert.Same(_fixture.Contexts[0], await Store.GetContext(Web, default));
        Assert.Contains(_fixture.Log.Lines, line => line.Level == LogLevel.Warning && line.Text.Contains("not renewed", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_certificate_found_expired_after_the_machine_slept_is_not_used()
    {
        Store.Request(Web);
        await _fixture.Available();
        var gate = new TaskCompletionSource();
        _fixture.Authority.Before = (_, _) => gate.Task;

        _fixture.Time.Advance(Lifetime);

        Assert.Equal(CertificateUnavailable.Expired, (await Refused()).Reason);
        gate.SetResult();
    }

    [Fact]
    public async Task An_authority_that_does_not_answer_has_failed_after_the_time_allowed()
    {
        CancellationToken passed = default;
        _fixture.Authority.Before = (_, token) =>
        {
            passed = token;
            return Task.Delay(Timeout.InfiniteTimeSpan, CancellationToken.None);
        };
        Store.Request(Web);
        await Eventually.Holds(() => passed.CanBeCanceled && _fixture.Time.ArmedTimers == 1);
        Task<IWorkloadContext> asker = Store.GetContext(Web, default).AsTask();

        _fixture.Time.Advance(TimeSpan.FromSeconds(10) - TimeSpan.FromMilliseconds(1));
        Assert.Equal(CertificateState.Initializing, _fixture.Status().State);
        _fixture.Time.Advance(TimeSpan.FromMilliseconds(1));

        CertificateUnavailableException refused = await Assert.ThrowsAsync<CertificateUnavailableException>(() => asker);
        Assert.Contains("TimedOut", refused.Message, StringComparison.Ordinal);
        Assert.True(passed.IsCancellationRequested);
    }

    private async Task<CertificateUnavailableException> Refused() =>
        await Assert.ThrowsAsync<CertificateUnavailableException>(async () => await Store.GetContext(Web, default));
}
