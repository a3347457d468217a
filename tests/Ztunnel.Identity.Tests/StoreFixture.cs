using Ztunnel.Mesh;
using Ztunnel.Testing;

namespace Ztunnel.Identity.Tests;

/// <summary>A store with an authority, a clock and a random number that do what a test says.</summary>
internal sealed class StoreFixture : IAsyncDisposable
{
    public static readonly SpiffeId Web = SpiffeId.Parse("spiffe://cluster.local/ns/demo/sa/web");
    public static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(20);

    public StoreFixture(CertificateStoreOptions? options = null, CertificateAuthorityOptions? authority = null)
    {
        Authority = new ScriptedAuthority(Time, authority ?? new CertificateAuthorityOptions { LeafLifetime = Lifetime });
        Store = new CertificateStore(Authority, NewContext, options, Time, Log, () => Random);
    }

    public ManualTime Time { get; } = new();

    public ScriptedAuthority Authority { get; }

    public CertificateStore Store { get; }

    public TextLog Log { get; } = new();

    /// <summary>In the order of the requests.</summary>
    public List<RecordingContext> Contexts { get; } = [];

    /// <summary>The next random numbers, from 0 to 1; the middle unless set.</summary>
    public double Random { get; set; } = 0.5;

    /// <summary>Thrown by contexts made from now on.</summary>
    public Exception? ContextFault { get; set; }

    public CertificateStatus Status(SpiffeId? identity = null) =>
        Store.Snapshot().Single(status => status.Identity == (identity ?? Web));

    public static SpiffeId Id(int number) => SpiffeId.Create("cluster.local", "demo", $"sa-{number}");

    public Task Available(SpiffeId? identity = null) =>
        Eventually.Holds(() => Status(identity) is { State: CertificateState.Available, NextAttempt: not null });

    /// <summary>The one loop waits for its next attempt.</summary>
    public Task Parked() => Eventually.Holds(() => Status().NextAttempt is not null && Time.ArmedTimers == 1);

    /// <summary>
    /// Passes time in steps no longer than the one loop's own, so that each of its looks at the clock is at its moment.
    /// </summary>
    public async Task PassUntil(DateTimeOffset moment)
    {
        while (moment - Time.GetUtcNow() is { Ticks: > 0 } left)
        {
            await Parked();
            Time.Advance(left < TimeSpan.FromSeconds(60) ? left : TimeSpan.FromSeconds(60));
        }
    }

    public async ValueTask DisposeAsync()
    {
        await Store.DisposeAsync();
        Authority.Dispose();
    }

    private RecordingContext NewContext()
    {
        var context = new RecordingContext { Fault = ContextFault };
        Contexts.Add(context);
        return context;
    }
}
