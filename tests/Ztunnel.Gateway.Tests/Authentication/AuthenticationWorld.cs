using System.Collections.Immutable;
using System.Net;
using Ztunnel.Mesh;
using Ztunnel.Testing;

namespace Ztunnel.Gateway.Tests;

/// <summary>Requests with tokens, and rules about them.</summary>
internal sealed class AuthenticationWorld : IDisposable
{
    public const string Name = "https://issuer.example";

    // Keys take long to make.
    private static readonly Issuer Shared = new();

    public AuthenticationWorld()
    {
        Authenticator = new RequestAuthenticator(new KeySetCache(new HttpMessageInvoker(Web), Time, Log), Time);
    }

    public ManualTime Time { get; } = new();

    public TextLog Log { get; } = new();

    public Issuer Issuer => Shared;

    public KeyServer Web { get; } = new();

    public RequestAuthenticator Authenticator { get; }

    public double Now => Time.GetUtcNow().ToUnixTimeSeconds();

    public JwtRule Rule => new() { Policy = new PolicyName("default", "jwt"), Issuer = Name, Jwks = Issuer.Keys() };

    public static JwtRule Copy(JwtRule rule, string? jwks = null, Uri? uri = null, TimeSpan? timeout = null) =>
        new() { Policy = rule.Policy, Issuer = rule.Issuer, Jwks = jwks, JwksUri = uri, Timeout = timeout };

    public string Good(string more = "", string algorithm = "RS256") => Issuer.Token($"\"iss\":\"{Name}\",\"sub\":\"alice\"{more}", algorithm);

    public Task<AuthenticatedRequest> Ask(JwtRule rule, string token) => Ask([rule], "", $"authorization: Bearer {token}");

    public async Task<AuthenticatedRequest> Ask(ImmutableArray<JwtRule> rules, string query, params string[] headers) =>
        await Authenticator.Authenticate(rules, new Headers(headers), query, TestContext.Current.CancellationToken);

    /// <summary>The answer in words: the body of a refusal, or the token's subject.</summary>
    public async Task<string> Answer(JwtRule rule, string token)
    {
        AuthenticatedRequest answer = await Ask(rule, token);
        return answer.Refusal is { } refusal ? $"{refusal.Status} {refusal.Message}" : answer.Token?.Subject ?? "anonymous";
    }

    public void Dispose() => Web.Dispose();

    private sealed class Headers(string[] headers) : IRequestHeaders
    {
        public string? Find(string name)
        {
            string[] values = [.. headers.Select(header => header.Split(": ", 2)).Where(header => string.Equals(header[0], name, StringComparison.OrdinalIgnoreCase)).Select(header => header[1])];
            return values.Length == 0 ? null : string.Join(',', values);
        }
    }
}

/// <summary>Answers what is fetched, and holds answers back when it is told to.</summary>
internal sealed class KeyServer : HttpMessageHandler
{
    private readonly Lock _lock = new();

    public Dictionary<string, Func<HttpResponseMessage>> Pages { get; } = new(StringComparer.Ordinal);

    public List<string> Asked { get; } = [];

    public TaskCompletionSource? Gate { get; set; }

    public static HttpResponseMessage Json(string text) => new(HttpStatusCode.OK) { Content = new StringContent(text) };

    public int Count()
    {
        lock (_lock)
            return Asked.Count;
    }

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        lock (_lock)
            Asked.Add(request.RequestUri!.ToString());
        if (Gate is { } gate)
            await gate.Task.WaitAsync(cancellationToken);
        return Pages.TryGetValue(request.RequestUri!.ToString(), out Func<HttpResponseMessage>? page) ? page() : new HttpResponseMessage(HttpStatusCode.NotFound);
    }
}
