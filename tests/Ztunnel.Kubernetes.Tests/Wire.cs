using System.Net.Http.Headers;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Http;
using Ztunnel.Testing;

namespace Ztunnel.Kubernetes.Tests;

/// <summary>The way of one client to the API server, which can be cut while others keep theirs. It speaks as the administrator.</summary>
internal sealed class Wire : IAsyncDisposable
{
    private readonly HttpClient _client;
    private readonly ScriptedServer _entry;

    private volatile bool _cut, _kills;
    private volatile string? _dead;

    private Wire(HttpClient client, ScriptedServer entry)
    {
        _client = client;
        _entry = entry;
    }

    /// <summary>The way in, by HTTP/2 where there is a certificate.</summary>
    public ApiAccess Access => new(_entry.Address, "a wire") { SkipVerification = true };

    public static async Task<Wire> To(ApiServer server, X509Certificate2? certificate = null)
    {
        var client = new HttpClient { BaseAddress = server.Address };
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", ApiUser.Admin.Token);
        Wire? wire = null;
        return wire = new Wire(client, await ScriptedServer.Start(context => wire!.Pass(context), certificate));
    }

    /// <summary>The connection that is used next is dead from then on: nothing on it is answered, and nothing says so.</summary>
    public void KillConnection() => _kills = true;

    /// <summary>Nothing gets through until the result is disposed of.</summary>
    public IDisposable Cut()
    {
        _cut = true;
        return new Mending(this);
    }

    public async ValueTask DisposeAsync()
    {
        _client.Dispose();
        await _entry.DisposeAsync();
    }

    private async Task Pass(HttpContext context)
    {
        if (_cut)
        {
            context.Abort();
            return;
        }

        if (_kills)
            _dead ??= context.Connection.Id;
        if (string.Equals(context.Connection.Id, _dead, StringComparison.Ordinal))
            await Task.Delay(Timeout.Infinite, context.RequestAborted);
        context.Request.Body.Position = 0;
        using var request = new HttpRequestMessage(new HttpMethod(context.Request.Method), context.Request.Path + context.Request.QueryString);
        request.Content = new StreamContent(context.Request.Body);
        if (context.Request.ContentType is { } type)
            request.Content.Headers.ContentType = MediaTypeHeaderValue.Parse(type);
        using HttpResponseMessage response = await _client.SendAsync(request, context.RequestAborted);
        await ScriptedServer.Json(context, await response.Content.ReadAsStringAsync(context.RequestAborted), (int)response.StatusCode);
    }

    private sealed class Mending(Wire wire) : IDisposable
    {
        public void Dispose() => wire._cut = false;
    }
}
