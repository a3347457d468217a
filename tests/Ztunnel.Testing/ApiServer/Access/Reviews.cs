using System.Text.Json.Nodes;

namespace Ztunnel.Testing.Api;

/// <summary>Questions that are put as objects and answered in their status: whose token this is, who may do what.</summary>
internal sealed class Reviews(Authentication authentication, Authorization authorization, Tokens tokens)
{
    /// <summary>The answer to a review.</summary>
    public JsonObject Answer(ResourceKind kind, JsonObject review, ApiUser user)
    {
        JsonObject answer = review.DeepClone().AsObject();
        answer["metadata"] ??= new JsonObject();
        answer["status"] = kind.Kind switch
        {
            "TokenReview" => Token(review["spec"] as JsonObject ?? []),
            "SelfSubjectReview" => new JsonObject { ["userInfo"] = Info(user) },
            "SelfSubjectAccessReview" => Access(user, review["spec"] as JsonObject ?? []),
            _ => Access(Subject(review["spec"] as JsonObject ?? []), review["spec"] as JsonObject ?? []),
        };
        return answer;
    }

    private JsonObject Token(JsonObject spec)
    {
        string token = (string?)spec["token"] ?? "";
        string[] wanted = spec["audiences"] is JsonArray { Count: > 0 } given ? [.. given.Select(item => (string?)item ?? "")] : [Tokens.ServerAudience];
        if (authentication.OfTable(token) is { } user)
            return Authenticated(Info(user), wanted);
        if (tokens.Find(token) is not { } found)
            return new JsonObject { ["user"] = new JsonObject(), ["error"] = "[invalid bearer token]" };
        string[] shared = [.. wanted.Intersect(found.Audiences, StringComparer.Ordinal)];
        if (shared.Length == 0)
        {
            return new JsonObject
            {
                ["user"] = new JsonObject(),
                ["error"] = "[invalid bearer token, token audiences are invalid for the target audiences]",
            };
        }

        JsonObject info = Info(Tokens.UserOf(found));
        info["uid"] = found.Uid;
        info["extra"] = Extra(found);
        return Authenticated(info, shared);
    }

    private static JsonObject Extra(ServiceAccountToken token)
    {
        JsonObject extra = new() { ["authentication.kubernetes.io/credential-id"] = new JsonArray($"JTI={token.Id}") };
        foreach ((string name, string value) in (ReadOnlySpan<(string, string)>)
            [("pod-name", token.PodName), ("pod-uid", token.PodUid), ("node-name", token.NodeName)])
        {
            if (value.Length > 0)
                extra[$"authentication.kubernetes.io/{name}"] = new JsonArray(value);
        }

        return extra;
    }

    private static JsonObject Authenticated(JsonObject info, string[] audiences) => new()
    {
        ["authenticated"] = true,
        ["user"] = info,
        ["audiences"] = new JsonArray([.. audiences.Select(audience => (JsonNode)audience)]),
    };

    private static JsonObject Info(ApiUser user) => new()
    {
        ["username"] = user.Name,
        ["groups"] = new JsonArray([.. user.Groups.Select(group => (JsonNode)group)]),
    };

    private static ApiUser Subject(JsonObject spec) => new((string?)spec["user"] ?? "")
    {
        Groups = [.. (spec["groups"] as JsonArray ?? []).Select(group => (string?)group ?? "")],
    };

    private JsonObject Access(ApiUser user, JsonObject spec)
    {
        JsonNode? asked = spec["resourceAttributes"];
        string subresource = (string?)asked?["subresource"] ?? "", resource = (string?)asked?["resource"] ?? "";
        bool allowed = authorization.Allows(user, new AccessRequest(
            (string?)asked?["verb"] ?? "",
            (string?)asked?["group"] ?? "",
            subresource.Length == 0 ? resource : $"{resource}/{subresource}",
            (string?)asked?["namespace"] ?? "",
            (string?)asked?["name"] ?? ""));
        return new JsonObject { ["allowed"] = allowed };
    }
}
