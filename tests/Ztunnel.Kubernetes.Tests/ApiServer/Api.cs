using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using Ztunnel.Testing;

namespace Ztunnel.Kubernetes.Tests.Server;

/// <summary>An API server and a plain HTTP client to it, for tests of the server's rules.</summary>
internal sealed class Api : IAsyncDisposable
{
    private readonly HttpClient _client;

    private Api(ApiServer server)
    {
        Server = server;
        _client = new HttpClient { BaseAddress = server.Address, Timeout = TimeSpan.FromMinutes(1) };
        _client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", ApiUser.Admin.Token);
    }

    public ApiServer Server { get; }

    public static async Task<Api> Start(ApiServerOptions? options = null) => new(await ApiServer.Start(options));

    public Task<Answer> Get(string path, string? accept = null) => Send(HttpMethod.Get, path, null, accept: accept);

    public Task<Answer> Post(string path, string body) => Send(HttpMethod.Post, path, body);

    public Task<Answer> Put(string path, string body) => Send(HttpMethod.Put, path, body);

    public Task<Answer> Delete(string path, string? body = null) => Send(HttpMethod.Delete, path, body);

    public Task<Answer> Merge(string path, string body) => Send(HttpMethod.Patch, path, body, "application/merge-patch+json");

    public async Task<Answer> Send(HttpMethod method, string path, string? body, string type = "application/json", string? accept = null)
    {
        using HttpRequestMessage request = new(method, path);
        if (body is not null)
            request.Content = new StringContent(body, Encoding.UTF8, new MediaTypeHeaderValue(type));
        if (accept is not null)
            request.Headers.TryAddWithoutValidation("Accept", accept);
        using HttpResponseMessage response = await _client.SendAsync(request);
        string text = await response.Content.ReadAsStringAsync();
        return new Answer(response.StatusCode, text, response.Headers.RetryAfter?.Delta);
    }

    /// <summary>Opens a watch.</summary>
    public async Task<WatchLines> Watch(string path)
    {
        string address = path + (path.Contains('?', StringComparison.Ordinal) ? "&" : "?") + "watch=true";
        HttpResponseMessage response = await _client.GetAsync(address, HttpCompletionOption.ResponseHeadersRead);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        return new WatchLines(response, await response.Content.ReadAsStreamAsync());
    }

    public async ValueTask DisposeAsync()
    {
        _client.Dispose();
        await Server.DisposeAsync();
    }
}

/// <summary>The answer to a request.</summary>
internal sealed record Answer(HttpStatusCode Status, string Text, TimeSpan? RetryAfter)
{
    public JsonNode Json => JsonNode.Parse(Text)!;

    public int Code => (int)Status;

    public string? this[string path] => JsonWalk.Text(Json, path);
}

/// <summary>The lines of an open watch.</summary>
internal sealed class WatchLines(HttpResponseMessage response, Stream stream) : IDisposable
{
    private readonly StreamReader _reader = new(stream);

    /// <summary>The next line, or null at the end of the watch.</summary>
    public async Task<JsonNode?> Next()
    {
        using CancellationTokenSource deadline = new(Eventually.Deadline);
        string? line = await _reader.ReadLineAsync(deadline.Token);
        return line is null ? null : JsonNode.Parse(line);
    }

    /// <summary>The next line as its type and the name of its object.</summary>
    public async Task<string> Short()
    {
        JsonNode? line = await Next();
        return line is null ? "END" : $"{line["type"]} {JsonWalk.Text(line, "object.metadata.name")}".TrimEnd();
    }

    public void Dispose()
    {
        _reader.Dispose();
        response.Dispose();
    }
}

/// <summary>Finds what stands at a dotted path.</summary>
internal static class JsonWalk
{
    public static string? Text(JsonNode? node, string path)
    {
        foreach (string step in path.Split('.'))
            node = int.TryParse(step, out int index) ? node?.AsArray().ElementAtOrDefault(index) : (node as JsonObject)?[step];
        return node?.ToString();
    }
}
