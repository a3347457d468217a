using Microsoft.Extensions.Logging;
using Ztunnel.Mesh;
using Ztunnel.Testing;
using static Ztunnel.Identity.Tests.StoreFixture;

namespace Ztunnel.Identity.Tests;

public sealed class CertificateStoreTests : IAsyncDisposable
{
    private readonly StoreFixture _fixture = new();

    private CertificateStore Store => _fixture.Store;

    public ValueTask DisposeAsync() => _fixture.DisposeAsync();

    [Fact]
    public async Task A_certificate_is_fetched_when_its_identity_is_requested_before_anybody_uses_it()
    {
        Store.Request(Web);
        await _fixture.Available();

        CertificateStatus status = _fixture.Status();
        Assert.Equal(1, _fixture.Authority.Count(Web));
        Assert.Equal(_fixture.Time.GetUtcNow() + Lifetime, status.Chain[0].NotAfter);
        Assert.Equal(_fixture.Time.GetUtcNow() - TimeSpan.FromMinutes(2), status.Chain[0].NotBefore);
        Assert.Equal(status.Chain[0].SerialNumber, Assert.Single(_fixture.Contexts[0].Installed));
        Assert.Equal(_fixture.Authority.Trust.Current.Certificates, status.Roots);
        Assert.Null(status.LastError);
        Assert.Same(_fixture.Contexts[0], await Store.GetContext(Web, default));
    }

    [Fact]
    public async Task Concurrent_askers_share_one_request()
    {
        var gate = new TaskCompletionSource();
        _fixture.Authority.Before = (_, _) => gate.Task;
        Parallel.For(0, 10, _ => Store.Request(Web));
        Task<IWorkloadContext>[] askers =
            [.. Enumerable.Range(0, 50).Select(_ => Task.Run(async () => await Store.GetContext(Web, default)))];
        await Eventually.Holds(() => !_fixture.Authority.Asked.IsEmpty);
        Assert.Equal(CertificateState.Initializing, _fixture.Status().State);
        Assert.Null(_fixture.Status().NextAttempt);
        Assert.DoesNotContain(askers, asker => asker.IsCompleted);

        gate.SetResult();

        Assert.All(await Task.WhenAll(askers), context => Assert.Same(_fixture.Contexts[0], context));
        Assert.Equal(1, _fixture.Authority.Count(Web));
        Assert.Equal(10, _fixture.Status().References);
    }

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
    public async Task An_asker_is_told_at_once_why_there_is_no_certificate()
    {
        _fixture.Authority.Before = (_, _) => throw new IOException("connection refused");
        Store.Request(Web);

        CertificateUnavailableException refused = await Refused();

        Assert.Equal((CertificateUnavailable.NotIssued, Web), (refused.Reason, refused.Identity));
        Assert.Contains("connection refused", refused.Message, StringComparison.Ordinal);
        Assert.Contains("next attempt", refused.Message, StringComparison.Ordinal);
        Assert.Contains(Web.ToString(), refused.Message, StringComparison.Ordinal);
        Assert.Equal(1, _fixture.Authority.Count(Web));
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

    [Fact]
    public async Task A_slow_identity_delays_no_other()
    {
        var gate = new TaskCompletionSource();
        _fixture.Authority.Before = (identity, _) => identity == Web ? gate.Task : Task.CompletedTask;
        Store.Request(Web);
        await Eventually.Holds(() => _fixture.Authority.Count(Web) == 1);

        for (int i = 0; i < 20; i++)
            Store.Request(Id(i));

        for (int i = 0; i < 20; i++)
            await _fixture.Available(Id(i));
        Assert.Equal(CertificateState.Initializing, _fixture.Status().State);
        gate.SetResult();
        await _fixture.Available();
    }

    [Fact]
    public async Task Requests_at_once_are_bounded()
    {
        await using var fixture = new StoreFixture(new CertificateStoreOptions { MaxConcurrentRequests = 3 });
        fixture.Authority.Before = (_, token) => Task.Delay(1, token);
        for (int i = 0; i < 30; i++)
            fixture.Store.Request(Id(i));
        for (int i = 0; i < 30; i++)
            await fixture.Available(Id(i));

        Assert.Equal(3, fixture.Authority.MostAtOnce);
        Assert.Equal(30, fixture.Authority.Asked.Count);
    }

    [Fact]
    public async Task Identities_that_fail_and_then_hang_leave_room_for_new_ones()
    {
        await using var fixture = new StoreFixture(new CertificateStoreOptions { MaxConcurrentRequests = 4 });
        var gate = new TaskCompletionSource();
        fixture.Authority.Before = (identity, _) =>
            identity == Web ? Task.CompletedTask : fixture.Authority.Count(identity) == 1 ? throw new IOException("no") : gate.Task;
        for (int i = 0; i < 10; i++)
            fixture.Store.Request(Id(i));
        await Eventually.Holds(() => fixture.Store.Snapshot().All(status => status.Failures == 1));
        await Eventually.Holds(() => fixture.Time.ArmedTimers == 10);
        fixture.Time.Advance(TimeSpan.FromSeconds(1));
        await Eventually.Holds(() => fixture.Authority.Asked.Count == 12);

        fixture.Store.Request(Web);

        await fixture.Available(Web);
        Assert.Equal(13, fixture.Authority.Asked.Count);
        gate.SetResult();
    }

    [Fact]
    public async Task Changed_roots_are_applied_to_every_live_context_and_to_those_that_come()
    {
        Store.Request(Id(0));
        Store.Request(Id(1));
        await _fixture.Available(Id(0));
        await _fixture.Available(Id(1));
        using Forge next = Forge.Root(_fixture.Time.GetUtcNow(), "next");
        TrustRoots both = TrustRoots.FromDer([_fixture.Authority.Trust.Current.Certificates[0].Der, next.Der]);

        _fixture.Authority.Trust.Replace(both);

        Assert.All(_fixture.Contexts, context => Assert.Same(both, context.Roots));
        Assert.All(_fixture.Contexts, context => Assert.Equal((1, 1), (context.Trusted, context.Installed.Count)));
        Assert.Equal(2, _fixture.Status(Id(0)).Roots.Length);
        Store.Request(Id(2));
        await _fixture.Available(Id(2));
        Assert.Same(both, _fixture.Contexts[2].Roots);
    }

    [Fact]
    public async Task Roots_one_context_refuses_still_reach_the_others()
    {
        Store.Request(Id(0));
        Store.Request(Id(1));
        await _fixture.Available(Id(0));
        await _fixture.Available(Id(1));
        _fixture.Contexts[0].Fault = new InvalidOperationException("not these");
        _fixture.Contexts[1].Fault = null;
        TrustRoots roots = TrustRoots.FromDer([_fixture.Authority.Trust.Current.Certificates[0].Der]);

        _fixture.Authority.Trust.Replace(roots);

        Assert.Same(roots, _fixture.Contexts[1].Roots);
        Assert.Contains(_fixture.Log.Lines, line => line.Level == LogLevel.Error && line.Text.Contains("not these", StringComparison.Ordinal));
    }

    [Fact]
    public async Task An_identity_is_let_go_of_with_the_last_workload_that_has_it()
    {
        Store.Request(Web);
        Store.Request(Web);
        await _fixture.Available();
        await _fixture.Parked();

        Store.Release(Web);
        Assert.Equal(1, _fixture.Status().References);
        Assert.False(_fixture.Contexts[0].Disposed);

        Store.Release(Web);
        Assert.Empty(Store.Snapshot());
        await Eventually.Holds(() => _fixture.Contexts[0].Disposed && _fixture.Time.ArmedTimers == 0);
        Assert.Equal(CertificateUnavailable.NotEnrolled, (await Refused()).Reason);
        Assert.Throws<InvalidOperationException>(() => Store.Release(Web));

        Store.Request(Web);
        await _fixture.Available();
        Assert.Equal(2, _fixture.Authority.Count(Web));
    }

    [Fact]
    public async Task Who_waits_for_an_identity_that_is_let_go_of_is_told()
    {
        var gate = new TaskCompletionSource();
        _fixture.Authority.Before = (_, _) => gate.Task;
        Store.Request(Web);
        Task<IWorkloadContext> asker = Store.GetContext(Web, default).AsTask();

        Store.Release(Web);

        var refused = await Assert.ThrowsAsync<CertificateUnavailableException>(() => asker);
        Assert.Equal(CertificateUnavailable.Released, refused.Reason);
        await Eventually.Holds(() => _fixture.Contexts[0].Disposed);
        gate.SetResult();
    }

    [Fact]
    public async Task An_identity_nobody_enrolled_gets_no_certificate()
    {
        Assert.Equal(CertificateUnavailable.NotEnrolled, (await Refused()).Reason);
        Assert.Empty(_fixture.Authority.Asked);
    }

    [Fact]
    public async Task An_asker_that_gives_up_takes_nothing_from_the_others()
    {
        var gate = new TaskCompletionSource();
        _fixture.Authority.Before = (_, _) => gate.Task;
        Store.Request(Web);
        using var patience = new CancellationTokenSource();
        Task<IWorkloadContext> first = Store.GetContext(Web, patience.Token).AsTask();
        Task<IWorkloadContext> second = Store.GetContext(Web, default).AsTask();

        await patience.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);
        gate.SetResult();

        Assert.Same(_fixture.Contexts[0], await second);
    }

    [Fact]
    public async Task A_certificate_the_context_refuses_counts_as_a_failure_and_is_tried_again()
    {
        _fixture.ContextFault = new InvalidOperationException("OpenSSL does not like it");
        Store.Request(Web);
        await Eventually.Holds(() => _fixture.Status().Failures == 1);
        Assert.Contains("OpenSSL does not like it", _fixture.Status().LastError, StringComparison.Ordinal);

        _fixture.Contexts[0].Fault = null;
        await _fixture.PassUntil(_fixture.Status().NextAttempt!.Value);

        await _fixture.Available();
    }

    [Fact]
    public async Task An_answer_that_is_not_what_was_asked_for_is_not_used()
    {
        using var other = new ScriptedAuthority(_fixture.Time);
        IssuedCertificate? wanted = null;
        Func<IssuedCertificate, IssuedCertificate>[] answers =
        [
            _ => new IssuedCertificate([]),
            _ => new IssuedCertificate([new byte[] { 1, 2, 3 }]),
            issued => wanted = issued,
            _ => wanted!, // the certificate of the request before this one: another key
        ];
        string[] errors = ["empty", "DER", "", "another key"];
        for (int i = 0; i < answers.Length; i++)
        {
            await using var fixture = new StoreFixture();
            fixture.Authority.After = answers[i];
            fixture.Store.Request(Web);
            if (errors[i].Length == 0)
            {
                await fixture.Available();
                continue;
            }

            await Eventually.Holds(() => fixture.Status().Failures == 1);
            Assert.StartsWith("BadAnswer: ", fixture.Status().LastError, StringComparison.Ordinal);
            Assert.Contains(errors[i], fixture.Status().LastError, StringComparison.Ordinal);
            Assert.Empty(fixture.Contexts[0].Installed);
        }
    }

    [Fact]
    public async Task A_store_let_go_of_leaves_nothing_running()
    {
        for (int i = 0; i < 5; i++)
            Store.Request(Id(i));
        await _fixture.Available(Id(0));
        Store.Release(Id(0));

        await Store.DisposeAsync();

        Assert.All(_fixture.Contexts, context => Assert.True(context.Disposed));
        // A cancelled wait is over a moment before its timer is gone.
        await Eventually.Holds(() => _fixture.Time.ArmedTimers == 0);
        Assert.Empty(Store.Snapshot());
        Assert.Throws<ObjectDisposedException>(() => Store.Request(Web));
    }

    [Fact]
    public async Task The_snapshot_is_in_the_order_of_names()
    {
        foreach (int i in new[] { 3, 1, 2 })
            Store.Request(Id(i));
        foreach (int i in new[] { 3, 1, 2 })
            await _fixture.Available(Id(i));

        Assert.Equal<SpiffeId>([Id(1), Id(2), Id(3)], [.. Store.Snapshot().Select(status => status.Identity)]);
    }

    private async Task<CertificateUnavailableException> Refused() =>
        await Assert.ThrowsAsync<CertificateUnavailableException>(async () => await Store.GetContext(Web, default));
}
