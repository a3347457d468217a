using System.Collections.Concurrent;
using System.Net;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using Ztunnel.Mesh;

namespace Ztunnel.Gateway;

/// <summary>
/// The key sets of issuers: those that policies hold, and those that are fetched. What was fetched is used while it is fetched
/// anew, and for as long as that fails. However many requests wait for keys, they are fetched once.
/// </summary>
internal sealed partial class KeySetCache(HttpMessageInvoker http, TimeProvider time, ILogger logger)
{
    private const int LargestAnswer = 1 << 20;
    private const string Discovery = "/.well-known/openid-configuration";

    /// <summary>After which time keys are fetched anew.</summary>
    public static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(5);

    /// <summary>How long nothing is fetched again after an attempt, even if it failed or a token names a key that is not known.</summary>
    public static readonly TimeSpan Pause = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan DefaultTimeout = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Forgotten = TimeSpan.FromHours(1);
    private static readonly JsonWebKeySet None = JsonWebKeySet.Parse(Encoding.UTF8.GetBytes("{\"keys\":[]}"))!;

    private readonly ConditionalWeakTable<JwtRule, JsonWebKeySet> _inline = [];
    private readonly ConcurrentDictionary<Source, Entry> _fetched = new();

    /// <summary>The keys for a rule; null where none could be fetched yet.</summary>
    /// <param name="rule">The rule.</param>
    /// <param name="unlike">A set that did not have the key wanted, so that another is to be fetched unless that was tried just now; null for any.</param>
    /// <param name="cancellation">Ends the wait, not the fetching that others wait for.</param>
    public async ValueTask<JsonWebKeySet?> KeysFor(JwtRule rule, JsonWebKeySet? unlike, CancellationToken cancellation)
    {
        if (rule.Jwks is not null)
            return _inline.GetValue(rule, static rule => JsonWebKeySet.Parse(Encoding.UTF8.GetBytes(rule.Jwks!)) ?? None);
        if (Source.Of(rule) is not { } source)
            return null;
        if (!_fetched.TryGetValue(source, out Entry? entry))
        {
            Forget();
            entry = _fetched.GetOrAdd(source, static _ => new Entry());
        }

        Task fetching = entry.Use(time.GetUtcNow(), unlike, () => Fetch(entry, source, rule.Policy));
        // Keys there are will do while others are fetched, unless the one wanted is not among them.
        if (entry.Keys is null || ReferenceEquals(entry.Keys, unlike))
            await fetching.WaitAsync(cancellation);
        return entry.Keys;
    }

    private async Task Fetch(Entry entry, Source source, PolicyName policy)
    {
        try
        {
            using var deadline = new CancellationTokenSource(source.Timeout, time);
            ReadOnlyMemory<byte> answer = await Get(source.Uri, deadline.Token);
            if (source.IsDiscovery)
                answer = await Get(KeysIn(answer), deadline.Token);
            JsonWebKeySet keys = JsonWebKeySet.Parse(answer) ?? throw new InvalidDataException("the answer is no JSON Web Key Set");
            entry.Succeeded(keys, time.GetUtcNow());
            LogFetched(source);
        }
        catch (Exception error) when (error is HttpRequestException or IOException or OperationCanceledException or InvalidDataException or JsonException or UriFormatException)
        {
            entry.Failed();
            LogFailed(source, policy, error is OperationCanceledException ? "it took too long" : error.Message, entry.Keys is null ? "its tokens are refused" : "the former keys stay");
        }
        catch (Exception)
        {
            entry.Failed();
            throw;
        }
    }

    private async Task<ReadOnlyMemory<byte>> Get(Uri address, CancellationToken cancellation)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, address);
        using HttpResponseMessage response = await http.SendAsync(request, cancellation);
        if (response.StatusCode != HttpStatusCode.OK)
            throw new HttpRequestException($"the answer was {(int)response.StatusCode}");
        await using Stream body = await response.Content.ReadAsStreamAsync(cancellation);
        var content = new MemoryStream();
        byte[] block = new byte[16384];
        for (int read = await body.ReadAsync(block, cancellation); read > 0; read = await body.ReadAsync(block, cancellation))
        {
            content.Write(block, 0, read);
            if (content.Length > LargestAnswer)
                throw new InvalidDataException($"the answer is larger than {LargestAnswer} bytes");
        }

        return content.GetBuffer().AsMemory(0, (int)content.Length);
    }

    private static Uri KeysIn(ReadOnlyMemory<byte> configuration)
    {
        using var document = JsonDocument.Parse(configuration);
        string? address = document.RootElement.ValueKind == JsonValueKind.Object && document.RootElement.TryGetProperty("jwks_uri", out JsonElement uri)
            && uri.ValueKind == JsonValueKind.String ? uri.GetString() : null;
        return Uri.TryCreate(address, UriKind.Absolute, out Uri? keys) && keys.Scheme is "https" or "http"
            ? keys
            : throw new InvalidDataException("the issuer's configuration names no jwks_uri");
    }

    private void Forget()
    {
        DateTimeOffset now = time.GetUtcNow();
        foreach (KeyValuePair<Source, Entry> old in _fetched.Where(entry => now - entry.Value.Used > Forgotten))
            _fetched.TryRemove(old);
    }

    [LoggerMessage(Level = LogLevel.Debug, Message = "keys fetched from {Address}")]
    private partial void LogFetched(Source address);

    [LoggerMessage(Level = LogLevel.Warning, Message = "keys of RequestAuthentication {Policy} could not be fetched from {Address}: {Reason}; {Consequence}")]
    private partial void LogFailed(Source address, PolicyName policy, string reason, string consequence);

    /// <summary>Where keys are fetched, and how: two rules share what is fetched only where they agree on all of it.</summary>
    /// <param name="Address">The address, whole.</param>
    /// <param name="IsDiscovery">Whether it answers with an issuer's configuration, which names the address of the keys.</param>
    /// <param name="Timeout">How long fetching may take.</param>
    private readonly record struct Source(string Address, bool IsDiscovery, TimeSpan Timeout)
    {
        public Uri Uri => new(Address);

        /// <summary>Where a rule has its keys from; null where that is nowhere.</summary>
        public static Source? Of(JwtRule rule) => (rule.JwksUri ?? DiscoveryOf(rule.Issuer)) is { } address
            ? new Source(address.AbsoluteUri, rule.JwksUri is null, rule.Timeout ?? DefaultTimeout)
            : null;

        /// <summary>For logs: without user and query, which may be secrets.</summary>
        public override string ToString() => Uri.GetComponents(UriComponents.SchemeAndServer | UriComponents.Path, UriFormat.UriEscaped);

        private static Uri? DiscoveryOf(string issuer) =>
            Uri.TryCreate(issuer.TrimEnd('/') + Discovery, UriKind.Absolute, out Uri? address) && address.Scheme is "https" or "http" ? address : null;
    }

    /// <summary>The keys at one address.</summary>
    private sealed class Entry
    {
        private readonly Lock _lock = new();
        private DateTimeOffset _attempted = DateTimeOffset.MinValue;
        private DateTimeOffset _fetched = DateTimeOffset.MinValue;
        private Task? _fetching;
        private volatile JsonWebKeySet? _keys;

        public JsonWebKeySet? Keys => _keys;

        public DateTimeOffset Used { get; private set; } = DateTimeOffset.MaxValue;

        /// <summary>The fetching under way, begun if it is time; over where there is none.</summary>
        public Task Use(DateTimeOffset now, JsonWebKeySet? unlike, Func<Task> fetch)
        {
            lock (_lock)
            {
                Used = now;
                if (_fetching is not null)
                    return _fetching;
                bool wanted = _keys is null || now - _fetched >= Lifetime || ReferenceEquals(_keys, unlike);
                if (!wanted || now - _attempted < Pause)
                    return Task.CompletedTask;
                _attempted = now;
                // Not on the caller's thread, which may serve a thousand others and must not run what comes of the answer.
                Task fetching = Task.Run(fetch);
                _fetching = fetching.IsCompleted ? null : fetching;
                return fetching;
            }
        }

        public void Succeeded(JsonWebKeySet keys, DateTimeOffset now)
        {
            lock (_lock)
            {
                _keys = keys;
                _fetched = now;
                _fetching = null;
            }
        }

        public void Failed()
        {
            lock (_lock)
                _fetching = null;
        }
    }
}
