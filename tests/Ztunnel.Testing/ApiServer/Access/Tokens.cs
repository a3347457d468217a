using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace Ztunnel.Testing.Api;

/// <summary>A token of a service account, and what it is bound to.</summary>
internal sealed record ServiceAccountToken(
    string Namespace, string Name, string Uid, string[] Audiences, DateTimeOffset Expires, string PodName, string PodUid, string NodeName, string Id);

/// <summary>
/// Tokens of service accounts. They look like the real ones (a JWT with the claims of a bound token) and are good while they are in this
/// table, have not expired, and their account and pod are there.
/// </summary>
internal sealed class Tokens(Store store, TimeProvider time)
{
    /// <summary>The audience of the API server itself.</summary>
    public const string ServerAudience = "https://kubernetes.default.svc";

    private readonly ConcurrentDictionary<string, ServiceAccountToken> _issued = new(StringComparer.Ordinal);
    private readonly byte[] _key = RandomNumberGenerator.GetBytes(32);

    /// <summary>Makes a token. Throws 404 when the account or the pod is not there.</summary>
    public (string Token, ServiceAccountToken Content) Issue(string ns, string account, string[] audiences, TimeSpan lifetime, string? pod)
    {
        StoredObject found = store.Find(CoreKinds.ServiceAccounts, ns, account) ?? throw ApiFailure.NotFound(CoreKinds.ServiceAccounts, account);
        StoredObject? bound = pod is null ? null : store.Find(CoreKinds.Pods, ns, pod) ?? throw ApiFailure.NotFound(CoreKinds.Pods, pod);
        ServiceAccountToken content = new(
            ns, account, found.Uid, audiences.Length == 0 ? [ServerAudience] : audiences, time.GetUtcNow() + lifetime,
            bound?.Name ?? "", bound?.Uid ?? "", (string?)bound?.ToJson()["spec"]?["nodeName"] ?? "", Guid.NewGuid().ToString());
        string signed = $"{Text(new JsonObject { ["alg"] = "HS256", ["kid"] = "test" })}.{Text(Claims(content))}";
        string token = $"{signed}.{Text(HMACSHA256.HashData(_key, Encoding.ASCII.GetBytes(signed)))}";
        _issued[token] = content;
        return (token, content);
    }

    /// <summary>What a token proves, or null when it is not good.</summary>
    public ServiceAccountToken? Find(string token)
    {
        if (!_issued.TryGetValue(token, out ServiceAccountToken? content) || content.Expires <= time.GetUtcNow())
            return null;
        bool account = store.Find(CoreKinds.ServiceAccounts, content.Namespace, content.Name)?.Uid == content.Uid;
        bool pod = content.PodUid.Length == 0 || store.Find(CoreKinds.Pods, content.Namespace, content.PodName)?.Uid == content.PodUid;
        return account && pod ? content : null;
    }

    /// <summary>The user a token stands for.</summary>
    public static ApiUser UserOf(ServiceAccountToken token) => new($"system:serviceaccount:{token.Namespace}:{token.Name}")
    {
        Groups = ["system:serviceaccounts", $"system:serviceaccounts:{token.Namespace}", "system:authenticated"],
    };

    private JsonObject Claims(ServiceAccountToken token)
    {
        JsonObject kubernetes = new()
        {
            ["namespace"] = token.Namespace,
            ["serviceaccount"] = new JsonObject { ["name"] = token.Name, ["uid"] = token.Uid },
        };
        if (token.PodUid.Length > 0)
            kubernetes["pod"] = new JsonObject { ["name"] = token.PodName, ["uid"] = token.PodUid };
        if (token.NodeName.Length > 0)
            kubernetes["node"] = new JsonObject { ["name"] = token.NodeName };
        long now = time.GetUtcNow().ToUnixTimeSeconds();
        return new JsonObject
        {
            ["aud"] = new JsonArray([.. token.Audiences.Select(audience => (JsonNode)audience)]),
            ["exp"] = token.Expires.ToUnixTimeSeconds(),
            ["iat"] = now,
            ["nbf"] = now,
            ["iss"] = ServerAudience,
            ["jti"] = token.Id,
            ["sub"] = $"system:serviceaccount:{token.Namespace}:{token.Name}",
            ["kubernetes.io"] = kubernetes,
        };
    }

    private static string Text(JsonObject json) => Text(Encoding.UTF8.GetBytes(json.ToJsonString()));

    private static string Text(byte[] bytes) => Convert.ToBase64String(bytes).TrimEnd('=').Replace('+', '-').Replace('/', '_');
}
