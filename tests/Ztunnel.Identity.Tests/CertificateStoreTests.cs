using Microsoft.Extensions.Logging;
using Ztunnel.Mesh;
using Ztunnel.Testing;
using static Ztunnel.Identity.Tests.StoreFixture;

namespace Ztunnel.Identity.Tests;

/// <summary>Who gets a certificate, when, and what others notice of it.</summary>
public sealed class CertificateStoreTests : IAsyncDisposable
{
    private readonly StoreFixture _fixture = new();

    private CertificateStore Store => _fixture.Store;

    public ValueTask DisposeAsync() => _fixture.DisposeAsync();

    [Fact]
    public async Task A_fetch_that_fails_as_its_identity_is_released_leaves_no_context_and_no_key_behind()
    {
        _fixture.Authority.Before = (identity, _) =>
        {
            Store.Release(identity);
            throw new IOException("the authority went away too");
        };

        Store.Request(Web);

        await Eventually.Holds(() => _fixture.Contexts is [{ Disposed: true }]);
        Assert.DoesNotContain(_fixture.Log.Lines, line => line.Level >= LogLevel.Warning);
    }

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
