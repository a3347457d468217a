using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging;
using Ztunnel.Identity;
using Ztunnel.Kubernetes;

namespace Ztunnel.Control;

/// <summary>Asks the API server whose a token is (TokenReview of authentication.k8s.io/v1).</summary>
/// <param name="api">The API server.</param>
/// <param name="audience">What the token must have been made for.</param>
/// <param name="logger">Gets what only an administrator can mend.</param>
internal sealed partial class TokenReviewer(ApiClient api, string audience, ILogger logger) : ITokenReviewer
{
    private const string AccountPrefix = "system:serviceaccount:";
    private const string ExtraPrefix = "authentication.kubernetes.io/";

    /// <inheritdoc/>
    public async Task<Caller?> Review(string token, CancellationToken cancellationToken)
    {
        var review = new JsonObject
        {
            ["apiVersion"] = ApiResource.TokenReviews.ApiVersion,
            ["kind"] = ApiResource.TokenReviews.Kind,
            ["spec"] = new JsonObject { ["token"] = token, ["audiences"] = new JsonArray(audience) },
        };
        try
        {
            return Read(await api.Create(ApiResource.TokenReviews.All(), review, cancellationToken));
        }
        catch (Exception e) when (e is ApiException or ApiAccessException)
        {
            // Not the message: the API server may explain what is wrong with a request by quoting it, and this one is a token.
            string why = e is ApiException refused ? $"{(int)refused.Code} {refused.Reason}" : "no credential";
            LogNotReviewed(why);
            throw new GrpcException(GrpcStatus.Unavailable, $"the API server does not review tokens now ({why})");
        }
    }

    /// <summary>What the API server's answer says.</summary>
    internal Caller? Read(JsonNode review)
    {
        JsonNode? status = review["status"];
        // A server that does not know audiences leaves them out, and the token may be for any.
        if (status?["authenticated"]?.GetValue<bool>() is not true || !Strings(status["audiences"]).Contains(audience, StringComparer.Ordinal))
            return null;
        string user = status["user"]?["username"]?.GetValue<string>() ?? "";
        string[] account = user.StartsWith(AccountPrefix, StringComparison.Ordinal) ? user[AccountPrefix.Length..].Split(':') : [];
        if (account is not [{ Length: > 0 } ns, { Length: > 0 } name])
            return null;
        JsonNode? extra = status["user"]?["extra"];
        return new Caller(ns, name)
        {
            PodName = Strings(extra?[ExtraPrefix + "pod-name"]).FirstOrDefault(),
            PodUid = Strings(extra?[ExtraPrefix + "pod-uid"]).FirstOrDefault(),
            NodeName = Strings(extra?[ExtraPrefix + "node-name"]).FirstOrDefault(),
        };
    }

    private static IEnumerable<string> Strings(JsonNode? list) =>
        list is JsonArray items ? items.OfType<JsonValue>().Select(item => item.GetValue<string>()) : [];

    [LoggerMessage(Level = LogLevel.Error, Message = "the API server does not review tokens, so nobody gets a certificate: {Why}")]
    private partial void LogNotReviewed(string why);
}
