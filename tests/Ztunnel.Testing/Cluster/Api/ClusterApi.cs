using System.Net;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json.Nodes;

namespace Ztunnel.Testing.Cluster;

/// <summary>
/// The stand-ins' way to the API server: plain requests, none of the program's own client, so that a mistake of that client is not
/// made by both sides.
/// </summary>
public sealed class ClusterApi(HttpClient client)
{
    public Task<JsonObject> Get(string path, CancellationToken cancellationToken) => Send(HttpMethod.Get, path, null, "", cancellationToken);

    public Task<JsonObject> Create(string path, JsonObject body, CancellationToken cancellationToken) =>
        Send(HttpMethod.Post, path, body, "application/json", cancellationToken);

    /// <summary>A JSON merge patch.</summary>
    public Task<JsonObject> Patch(string path, JsonObject patch, CancellationToken cancellationToken) =>
        Send(HttpMethod.Patch, path, patch, "application/merge-patch+json", cancellationToken);

    public Task<JsonObject> Replace(string path, JsonObject body, CancellationToken cancellationToken) =>
        Send(HttpMethod.Put, path, body, "application/json", cancellationToken);

    /// <summary>Deletes that very object, none of the same name made since.</summary>
    public Task Delete(string path, string uid, int? graceSeconds, CancellationToken cancellationToken)
    {
        var options = new JsonObject
        {
            ["apiVersion"] = "v1",
            ["kind"] = "DeleteOptions",
            ["preconditions"] = new JsonObject { ["uid"] = uid },
        };
        if (graceSeconds is { } grace)
            options["gracePeriodSeconds"] = grace;
        return Send(HttpMethod.Delete, path, options, "application/json", cancellationToken);
    }

    /// <summary>What changes from a version on, until the server ends it.</summary>
    public async IAsyncEnumerable<(string Type, JsonObject Object)> Watch(
        string path, string version, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using HttpResponseMessage response = await client.GetAsync(
            new Uri($"{path}?watch=1&resourceVersion={version}", UriKind.Relative), HttpCompletionOption.ResponseHeadersRead, cancellationToken);
        response.EnsureSuccessStatusCode();
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync(cancellationToken));
        while (await reader.ReadLineAsync(cancellationToken) is { } line)
        {
            JsonObject change = JsonNode.Parse(line)!.AsObject();
            yield return (change["type"]!.GetValue<string>(), change["object"]!.AsObject());
        }
    }

    private async Task<JsonObject> Send(HttpMethod method, string path, JsonObject? body, string contentType, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(method, new Uri(path, UriKind.Relative));
        if (body is not null)
            request.Content = new StringContent(body.ToJsonString(), Encoding.UTF8, contentType);
        using HttpResponseMessage response = await client.SendAsync(request, cancellationToken);
        string answer = await response.Content.ReadAsStringAsync(cancellationToken);
        if (!response.IsSuccessStatusCode)
            throw new ClusterApiException(response.StatusCode, $"{method} {path}: {(int)response.StatusCode} {answer}");
        return response.StatusCode == HttpStatusCode.NoContent ? [] : JsonNode.Parse(answer)!.AsObject();
    }
}
