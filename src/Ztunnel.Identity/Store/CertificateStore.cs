using System.Collections.Concurrent;
using System.Collections.Immutable;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Ztunnel.IO;
using Ztunnel.Mesh;

namespace Ztunnel.Identity;

/// <summary>
/// The certificates of this node's workloads. Enrolment asks for an identity, which fetches its certificate before a
/// connection needs it, and keeps it fresh until the last workload with that identity is released. Keys exist in this
/// process's memory only. All members are safe from any thread.
/// </summary>
public sealed partial class CertificateStore : IAsyncDisposable
{
    private readonly Lock _gate = new();
    private readonly ConcurrentDictionary<SpiffeId, Entry> _entries = new();
    private readonly TrustBundle _trust;
    private readonly CertificateSource _source;
    private readonly Func<IWorkloadContext> _newContext;
    private readonly CertificateStoreOptions _options;
    private readonly TimeProvider _time;
    private readonly Func<double> _random;
    private readonly ILogger _logger;
    private TrustRoots _roots;
    private Task _endings = Task.CompletedTask;
    private bool _disposed;

    /// <summary>Certificates from <paramref name="authority"/>, whose peers <paramref name="verifier"/> judges.</summary>
    public CertificateStore(
        ICertificateAuthority authority,
        IPeerVerifier verifier,
        CertificateStoreOptions? options = null,
        TimeProvider? time = null,
        ILogger? logger = null)
        : this(authority, () => new TlsWorkloadContext(verifier), options, time, logger, random: null) =>
        ArgumentNullException.ThrowIfNull(verifier);

    internal CertificateStore(
        ICertificateAuthority authority,
        Func<IWorkloadContext> newContext,
        CertificateStoreOptions? options,
        TimeProvider? time,
        ILogger? logger,
        Func<double>? random)
    {
        ArgumentNullException.ThrowIfNull(authority);
        _trust = authority.Trust;
        _newContext = newContext;
        _options = options ?? new CertificateStoreOptions();
        _time = time ?? TimeProvider.System;
        _logger = logger ?? NullLogger.Instance;
        _random = random ?? Random.Shared.NextDouble;
        _source = new CertificateSource(authority, _options, _time);
        _roots = _trust.Current;
        _trust.Changed += OnTrustChanged;
    }

    /// <summary>
    /// Raised after a root was taken out of the trust bundle, on whichever thread did it. Handshakes already go by the roots
    /// that remain; what was verified by one that <see cref="Trusts"/> now denies is for the listener to end.
    /// </summary>
    public event EventHandler? RootsWithdrawn;

    /// <summary>
    /// Asks for <paramref name="identity"/> on behalf of one workload. The first to ask starts the fetch; it goes on in the
    /// background and is tried again until it succeeds. Pair with <see cref="Release"/>.
    /// </summary>
    public void Request(SpiffeId identity)
    {
        ArgumentNullException.ThrowIfNull(identity);
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (_entries.TryGetValue(identity, out Entry? entry))
                entry.References++;
            else
                _entries[identity] = new Entry(Begin(identity));
        }
    }

    /// <summary>
    /// Ends one <see cref="Request"/>. With the last, the certificate and its key are forgotten; open connections stay.
    /// </summary>
    /// <exception cref="InvalidOperationException">There was no request left to end.</exception>
    public void Release(SpiffeId identity)
    {
        ArgumentNullException.ThrowIfNull(identity);
        lock (_gate)
        {
            if (_disposed)
                return;
            if (!_entries.TryGetValue(identity, out Entry? entry))
                throw new InvalidOperationException($"{identity} was released more often than it was requested");
            if (--entry.References > 0)
                return;
            _entries.TryRemove(identity, out _);
            _endings = Task.WhenAll(_endings, End(entry.Certificate));
        }
    }

    /// <summary>
    /// The TLS context of an identity, for both roles and any number of connections. Usually at hand; waits only while the
    /// identity's first request is under way. Ask for each handshake and do not keep it: that is what keeps an expired
    /// certificate from being used and a released identity from being spoken for.
    /// </summary>
    /// <exception cref="CertificateUnavailableException">There is none, with the reason.</exception>
    public ValueTask<TlsContext> GetTlsContext(SpiffeId identity, CancellationToken cancellationToken)
    {
        ValueTask<IWorkloadContext> found = GetContext(identity, cancellationToken);
        return found.IsCompletedSuccessfully ? new(((TlsWorkloadContext)found.Result).Context) : Wait(found);

        static async ValueTask<TlsContext> Wait(ValueTask<IWorkloadContext> found) => ((TlsWorkloadContext)await found).Context;
    }

    /// <summary>Whether the trust bundle has this root now.</summary>
    public bool Trusts(ReadOnlyMemory<byte> rootDer) => _trust.Current.Contains(rootDer.Span);

    /// <summary>
    /// What the diagnostics show of every identity asked for, in the order of their names. There are no keys in it.
    /// </summary>
    public ImmutableArray<CertificateStatus> Snapshot() =>
    [
        .. _entries.Values
            .Select(entry => entry.Certificate.Status() with { References = entry.References })
            .OrderBy(status => status.Identity.ToString(), StringComparer.Ordinal),
    ];

    /// <summary>Stops all renewals and forgets all keys.</summary>
    public async ValueTask DisposeAsync()
    {
        lock (_gate)
        {
            if (_disposed)
                return;
            _disposed = true;
        }

        _trust.Changed -= OnTrustChanged;
        await Task.WhenAll([_endings, .. _entries.Values.Select(entry => End(entry.Certificate))]);
        _entries.Clear();
        _source.Dispose();
    }

    /// <summary>The context of an identity; waits while its first request is under way.</summary>
    internal ValueTask<IWorkloadContext> GetContext(SpiffeId identity, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(identity);
        return _entries.TryGetValue(identity, out Entry? entry)
            ? entry.Certificate.Get(cancellationToken)
            : ValueTask.FromException<IWorkloadContext>(new CertificateUnavailableException(
                CertificateUnavailable.NotEnrolled, identity, "no workload with it is enrolled on this node"));
    }

    private WorkloadCertificate Begin(SpiffeId identity) =>
        new(identity, _source, _trust, _newContext(), _options, _time, _random, _logger);

    private async Task End(WorkloadCertificate certificate)
    {
        try
        {
            await certificate.DisposeAsync();
        }
        catch (Exception e)
        {
            // One identity's leftovers must not keep the others from being cleaned up.
            LogNotEnded(certificate.Identity, e);
        }
    }

    private void OnTrustChanged(object? sender, EventArgs e)
    {
        foreach (Entry entry in _entries.Values)
        {
            try
            {
                entry.Certificate.ApplyRoots();
            }
            catch (Exception error)
            {
                LogRootsNotApplied(entry.Certificate.Identity, error);
            }
        }

        TrustRoots now = _trust.Current;
        TrustRoots before = Interlocked.Exchange(ref _roots, now);
        if (before.Certificates.Any(root => !now.Contains(root.Der.Span)))
            RootsWithdrawn?.Invoke(this, EventArgs.Empty);
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "the changed trust bundle could not be applied to {Identity}")]
    private partial void LogRootsNotApplied(SpiffeId identity, Exception error);

    [LoggerMessage(Level = LogLevel.Error, Message = "the certificate of {Identity} could not be let go of")]
    private partial void LogNotEnded(SpiffeId identity, Exception error);

    /// <summary>A certificate and how many asked for it; the count is written under the gate.</summary>
    private sealed class Entry(WorkloadCertificate certificate)
    {
        public readonly WorkloadCertificate Certificate = certificate;
        public volatile int References = 1;
    }
}
