using Microsoft.Extensions.Logging;
using Ztunnel.Testing;
using static Ztunnel.Identity.Tests.StoreFixture;

namespace Ztunnel.Identity.Tests;

/// <summary>What a changed trust bundle does to certificates in use.</summary>
public sealed class CertificateStoreTrustTests : IAsyncDisposable
{
    private readonly StoreFixture _fixture = new();

    private CertificateStore Store => _fixture.Store;

    public ValueTask DisposeAsync() => _fixture.DisposeAsync();

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
    public async Task A_certificate_that_leads_to_no_root_any_more_is_renewed_within_minutes()
    {
        using var folder = new TemporaryFolder();
        var time = new ManualTime();
        using Forge before = Forge.Root(time.GetUtcNow(), "same name");
        using Forge after = Forge.Root(time.GetUtcNow(), "same name");
        Write(before);
        using var authority = BuiltInCertificateAuthority.Load(folder.Path, null, time);
        List<RecordingContext> contexts = [];
        await using var store = new CertificateStore(authority, NewContext, null, time, null, () => 1);
        store.Request(Web);
        await Eventually.Holds(() => store.Snapshot()[0] is { State: CertificateState.Available, NextAttempt: not null });
        DateTimeOffset changed = time.GetUtcNow();

        // As a replaced Kubernetes secret does, all at once.
        Write(after);

        while (contexts[0].Installed.Count < 2)
        {
            // The store's one wait, and the two watches: of the signing files and of the roots.
            await Eventually.Holds(() => store.Snapshot()[0].NextAttempt is not null && time.ArmedTimers == 3);
            time.Advance(TimeSpan.FromSeconds(1));
            Assert.True(time.GetUtcNow() - changed < TimeSpan.FromMinutes(3));
        }

        await Eventually.Holds(() => store.Snapshot()[0].NextAttempt is not null);
        Assert.True(store.Snapshot()[0].NextAttempt > changed + TimeSpan.FromHours(12));
        Assert.Equal(after.Der, Assert.Single(contexts[0].Roots!.Certificates).Der.ToArray());

        void Write(Forge root)
        {
            folder.Write("ca-cert.pem", root.Pem);
            folder.Write("ca-key.pem", root.KeyPem);
            folder.Write("cert-chain.pem", "");
            folder.Write("root-cert.pem", root.Pem);
        }

        RecordingContext NewContext()
        {
            var context = new RecordingContext();
            contexts.Add(context);
            return context;
        }
    }

    [Fact]
    public async Task A_certificate_under_a_root_outside_the_bundle_is_not_taken()
    {
        using Forge stranger = Forge.Root(_fixture.Time.GetUtcNow());
        _fixture.Authority.Trust.Replace(TrustRoots.FromDer([stranger.Der]));
        Store.Request(Web);

        await Eventually.Holds(() => _fixture.Status().Failures == 1);

        Assert.Equal("BadAnswer: the chain does not lead to a root of the trust bundle", _fixture.Status().LastError);
        Assert.Empty(_fixture.Contexts[0].Installed);
    }

    [Fact]
    public void That_a_root_is_gone_is_told_and_that_one_has_come_is_not()
    {
        int withdrawn = 0;
        Store.RootsWithdrawn += (_, _) => withdrawn++;
        using Forge next = Forge.Root(_fixture.Time.GetUtcNow(), "next");
        byte[] first = _fixture.Authority.Trust.Current.Certificates[0].Der.ToArray();

        _fixture.Authority.Trust.Replace(TrustRoots.FromDer([first, next.Der]));
        Assert.Equal((0, true, true), (withdrawn, Store.Trusts(first), Store.Trusts(next.Der)));

        _fixture.Authority.Trust.Replace(TrustRoots.FromDer([next.Der]));
        Assert.Equal((1, false, true), (withdrawn, Store.Trusts(first), Store.Trusts(next.Der)));

        _fixture.Authority.Trust.Replace(TrustRoots.FromDer([next.Der]));
        Assert.Equal(1, withdrawn);
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
}
