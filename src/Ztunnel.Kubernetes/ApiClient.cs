using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Ztunnel.Kubernetes;

/// <summary>
/// Speaks to the Kubernetes API in JSON, by HTTP/2 where the server has it. Stands in for KubernetesClient. Its requests are
/// limited in rate on this side; those that fail in passing (429, 5xx, no answer) are tried again with growing, spread waits,
/// or when the server says, as long as doing twice is as good as doing once. All methods throw <see cref="ApiException"/>, and
/// <see cref="ApiAccessException"/> when a credential cannot be had. Safe from any thread.
/// </summary>
public sealed partial class ApiClient : IDisposable
{
    private static readonly JsonDocumentOptions Reading = new() { MaxDepth = 256 };

    private readonly ApiClientOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly RequestRate _rate;
    private readonly Lock _lock = new();
    private ApiTransport? _transport;
    private bool _disposed;

    /// <summary>Connects to nothing yet.</summary>
    public ApiClient(ApiAccess access, ApiClientOptions? options = null, TimeProvider? time = null, ILogger? logger = null)
    {
        ArgumentNullException.ThrowIfNull(access);
        Access = access;
        _options = options ?? new ApiClientOptions();
        _time = time ?? TimeProvider.System;
        _logger = logger ?? NullLogger.Instance;
        _rate = new RequestRate(_options.RequestsPerSecond, _options.Burst, _time);
    }

    /// <summary>Which server this speaks to, and as whom.</summary>
    public ApiAccess Access { get; }

    /// <summary>
    /// Another client of the same server, with the same options and the same rights, but a rate and connections of its own: neither waits
    /// for what the other has to do. The caller's to dispose.
    /// </summary>
    public ApiClient Apart() => new(Access, _options, _time, _logger);

    internal TimeProvider Time => _time;

    /// <summary>Whether the server has said that it does not stream lists.</summary>
    internal bool RefusesStreamingLists { get; set; }

    /// <summary>Reads an object, or a collection whole.</summary>
    public Task<JsonNode> Get(ApiPath path, CancellationToken cancellationToken) => Call(new ApiRequest(HttpMethod.Get, path), cancellationToken);

    /// <summary>Creates an object in a collection, or a review. Not tried again where the first try may have been heard.</summary>
    public Task<JsonNode> Create(ApiPath collection, JsonNode body, CancellationToken cancellationToken) =>
        Call(new ApiRequest(HttpMethod.Post, collection) { Idempotent = false }.With(body), cancellationToken);

    /// <summary>Replaces an object; with <c>metadata.resourceVersion</c> in the body only if it is still that version, else 409.</summary>
    public Task<JsonNode> Replace(ApiPath path, JsonNode body, CancellationToken cancellationToken) =>
        Call(new ApiRequest(HttpMethod.Put, path).With(body), cancellationToken);

    /// <summary>
    /// Server-side apply: the body is what <paramref name="fieldManager"/> wants of the object, all of it. Where another manager
    /// has a field it gives 409, or with <paramref name="force"/> takes the field over.
    /// </summary>
    public Task<JsonNode> Apply(ApiPath path, JsonNode body, string fieldManager, bool force, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(path);
        ApiPath asked = path.With("fieldManager", fieldManager).With("force", force ? "true" : "false");
        return Call(new ApiRequest(HttpMethod.Patch, asked).With(body, "application/apply-patch+yaml"), cancellationToken);
    }

    /// <summary>A JSON merge patch (RFC 7396); a <c>metadata.resourceVersion</c> in it makes it hold for that version only.</summary>
    public Task<JsonNode> MergePatch(ApiPath path, JsonNode patch, CancellationToken cancellationToken) =>
        Call(new ApiRequest(HttpMethod.Patch, path).With(patch, "application/merge-patch+json"), cancellationToken);

    /// <summary>Deletes an object.</summary>
    public Task Delete(ApiPath path, DeleteOptions? options, CancellationToken cancellationToken) =>
        Call(new ApiRequest(HttpMethod.Delete, path).With((options ?? new DeleteOptions()).ToJson()), cancellationToken);

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_lock)
        {
            _disposed = true;
            _transport?.Dispose();
        }
    }

    /// <summary>The answer as a document of pooled memory, which is the caller's to dispose.</summary>
    internal Task<JsonDocument> Read(ApiRequest request, CancellationToken cancellationToken) =>
        Call(request, static async (response, cancelled) =>
        {
            using HttpResponseMessage answered = response;
            await using Stream body = await response.Content.ReadAsStreamAsync(cancelled);
            return await JsonDocument.ParseAsync(body, Reading, cancelled);
        }, cancellationToken);

    /// <summary>The answer as it comes, which is the caller's to dispose. Tried once only, as a watch has waits of its own.</summary>
    internal async Task<HttpResponseMessage> Open(ApiRequest request, CancellationToken cancellationToken)
    {
        await _rate.Wait(cancellationToken);
        return await Try(request, static (response, _) => Task.FromResult(response), cancellationToken);
    }

    /// <summary>Has what is asked from now on asked on new connections. The old ones end with what is under way on them.</summary>
    internal void Reconnect()
    {
        lock (_lock)
            _transport = null;
    }

    private Task<JsonNode> Call(ApiRequest request, CancellationToken cancellationToken) =>
        Call(request, static async (response, cancelled) =>
        {
            using HttpResponseMessage answered = response;
            await using Stream body = await response.Content.ReadAsStreamAsync(cancelled);
            return await JsonNode.ParseAsync(body, documentOptions: Reading, cancellationToken: cancelled) ?? throw new JsonException("null");
        }, cancellationToken);

    private async Task<T> Call<T>(ApiRequest request, Func<HttpResponseMessage, CancellationToken, Task<T>> read, CancellationToken cancellationToken)
    {
        var backoff = new Backoff(_options.FirstDelay, _options.LongestDelay);
        for (int tried = 1; ; tried++)
        {
            await _rate.Wait(cancellationToken);
            try
            {
                return await Try(request, read, cancellationToken);
            }
            catch (ApiException error) when (tried < _options.Tries && MayTryAgain(request, error))
            {
                TimeSpan delay = backoff.Next(error.RetryAfter);
                LogTryingAgain(error.Message, delay);
                await Task.Delay(delay, _time, cancellationToken);
            }
        }
    }

    /// <summary>One try, and another at once where the server does not know us and there is another credential by now.</summary>
    private async Task<T> Try<T>(ApiRequest request, Func<HttpResponseMessage, CancellationToken, Task<T>> read, CancellationToken cancellationToken)
    {
        using var timeout = new CancellationTokenSource(_options.Timeout, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
        try
        {
            Credential credential = await Access.Credentials.Get(null, _time, either.Token);
            HttpResponseMessage response = await Send(request, credential, either.Token);
            if (response.StatusCode == System.Net.HttpStatusCode.Unauthorized)
            {
                Credential another = await Access.Credentials.Get(credential, _time, either.Token);
                if (another != credential)
                {
                    response.Dispose();
                    response = await Send(request, another, either.Token);
                }
            }

            if (response.IsSuccessStatusCode)
                return await read(response, either.Token);
            using (response)
                throw await ApiFault.Of(request, response, _time, either.Token);
        }
        catch (Exception error) when (IsOfTransport(error) && !cancellationToken.IsCancellationRequested)
        {
            throw ApiFault.Of(request, Access, error);
        }
    }

    private static bool IsOfTransport(Exception error) => error is HttpRequestException or OperationCanceledException or JsonException
        || (error is IOException and not (ApiException or ApiAccessException));

    private async Task<HttpResponseMessage> Send(ApiRequest request, Credential credential, CancellationToken cancellationToken)
    {
        using HttpRequestMessage message = request.ToMessage(Access, credential, _options.UserAgent);
        return await Transport(credential.Certificate).Send(message, cancellationToken);
    }

    private ApiTransport Transport(ClientCertificate? certificate)
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (_transport is { } current && current.Certificate == certificate)
                return current;
            // Whoever has the old one may be about to send by it, and watches go on to their end: its connections are closed when
            // they have been idle for a while.
            return _transport = new ApiTransport(Access, certificate);
        }
    }

    private bool MayTryAgain(ApiRequest request, ApiException error)
    {
        if (!error.IsTransient || error.RetryAfter > _options.LongestDelay)
            return false;
        // 429 says that nothing was done, and so does a connection that was not made.
        bool unheard = error.Code == System.Net.HttpStatusCode.TooManyRequests
            || error.InnerException is HttpRequestException { HttpRequestError: HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError };
        return request.Idempotent || unheard;
    }

    [LoggerMessage(Level = LogLevel.Debug, Message = "{Error}; trying again in {Delay}")]
    private partial void LogTryingAgain(string error, TimeSpan delay);
}
