using System.Buffers;
using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Ztunnel.Kubernetes;

/// <summary>One request to the API, which may be tried several times.</summary>
internal sealed class ApiRequest(HttpMethod method, ApiPath path)
{
    public const string Json = "application/json";

    private ReadOnlyMemory<byte>? _body;
    private string _contentType = Json;

    public ApiPath Path => path;

    /// <summary>What is accepted as answer.</summary>
    public string Accept { get; init; } = Json;

    /// <summary>Whether doing it twice is as good as doing it once.</summary>
    public bool Idempotent { get; init; } = true;

    /// <summary>How messages name it.</summary>
    public string Asked => $"{method} {path}";

    public ApiRequest With(JsonNode body, string contentType = Json)
    {
        var bytes = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(bytes))
            body.WriteTo(writer);
        (_body, _contentType) = (bytes.WrittenMemory, contentType);
        return this;
    }

    public HttpRequestMessage ToMessage(ApiAccess access, Credential credential, string userAgent)
    {
        var message = new HttpRequestMessage(method, new Uri(access.Server.GetLeftPart(UriPartial.Path).TrimEnd('/') + path.PathAndQuery))
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionOrLower,
        };
        message.Headers.TryAddWithoutValidation("Accept", Accept);
        message.Headers.TryAddWithoutValidation("User-Agent", userAgent);
        if (credential.Token is not null)
            message.Headers.Authorization = new AuthenticationHeaderValue("Bearer", credential.Token);
        // The handler asks for, and checks, the name it finds here.
        message.Headers.Host = access.TlsServerName;
        if (_body is { } body)
        {
            message.Content = new ReadOnlyMemoryContent(body);
            message.Content.Headers.ContentType = new MediaTypeHeaderValue(_contentType);
        }

        return message;
    }
}
