using System.Text.Json.Nodes;

namespace Ztunnel.Testing.Api;

/// <summary>One thing wrong with an object: a field and what is the matter with it.</summary>
internal sealed record Cause(string Reason, string Message, string Field);

/// <summary>A request that cannot be fulfilled, as the Status object tells it.</summary>
internal sealed class ApiFailure : Exception
{
    private readonly JsonObject? _details;

    /// <summary>A failure with the code and reason of the Status object.</summary>
    public ApiFailure(int code, string reason, string message, JsonObject? details = null)
        : base(message)
    {
        Code = code;
        Reason = reason;
        _details = details;
    }

    /// <summary>The HTTP status.</summary>
    public int Code { get; }

    /// <summary>The reason as programs read it.</summary>
    public string Reason { get; }

    /// <summary>How many seconds to wait before another try.</summary>
    public int? RetryAfter { get; init; }

    /// <summary>Where a list may go on although it is no longer the same list.</summary>
    public string? Continue { get; init; }

    public static ApiFailure NotFound(ResourceKind kind, string name) =>
        new(404, "NotFound", $"{kind.Resource} \"{name}\" not found", About(kind, name));

    public static ApiFailure AlreadyExists(ResourceKind kind, string name) =>
        new(409, "AlreadyExists", $"{kind.Resource} \"{name}\" already exists", About(kind, name));

    public static ApiFailure Conflict(ResourceKind kind, string name, string why) =>
        new(409, "Conflict", $"Operation cannot be fulfilled on {kind.Resource} \"{name}\": {why}", About(kind, name));

    public static ApiFailure Modified(ResourceKind kind, string name) => Conflict(
        kind, name, "the object has been modified; please apply your changes to the latest version and try again");

    public static ApiFailure Expired(string message) => new(410, "Expired", message);

    public static ApiFailure BadRequest(string message) => new(400, "BadRequest", message);

    public static ApiFailure Unauthorized() => new(401, "Unauthorized", "Unauthorized");

    public static ApiFailure Forbidden(ResourceKind kind, string name, string why, params Cause[] causes) =>
        new(403, "Forbidden", $"{kind.Resource} \"{name}\" is forbidden: {why}", About(kind, name, causes));

    public static ApiFailure MethodNotAllowed() =>
        new(405, "MethodNotAllowed", "the server does not allow this method on the requested resource");

    public static ApiFailure NotAcceptable() => new(
        406, "NotAcceptable", "only the following media types are accepted: application/json, application/yaml");

    public static ApiFailure UnsupportedMediaType(params string[] accepted) => new(
        415,
        "UnsupportedMediaType",
        $"the body of the request was in an unknown format - accepted media types include: {string.Join(", ", accepted)}");

    public static ApiFailure Invalid(ResourceKind kind, string name, IReadOnlyList<Cause> causes)
    {
        string[] texts = [.. causes.Select(cause => $"{cause.Field}: {cause.Message}")];
        string text = texts.Length == 1 ? texts[0] : $"[{string.Join(", ", texts)}]";
        JsonObject details = About(kind, name, causes);
        details["kind"] = kind.Kind;
        return new ApiFailure(422, "Invalid", $"{kind.QualifiedKind} \"{name}\" is invalid: {text}", details);
    }

    /// <summary>The Status object.</summary>
    public JsonObject ToJson()
    {
        JsonObject status = new()
        {
            ["kind"] = "Status",
            ["apiVersion"] = "v1",
            ["metadata"] = Continue is null ? new JsonObject() : new JsonObject { ["continue"] = Continue },
            ["status"] = "Failure",
            ["message"] = Message,
            ["reason"] = Reason,
        };
        JsonObject? details = _details?.DeepClone().AsObject();
        if (RetryAfter is { } seconds)
            (details ??= [])["retryAfterSeconds"] = seconds;
        if (details is not null)
            status["details"] = details;
        status["code"] = Code;
        return status;
    }

    /// <summary>What a Status says when it is about several fields.</summary>
    public static JsonObject WithCauses(IReadOnlyList<Cause> causes) => new()
    {
        ["causes"] = new JsonArray([.. causes.Select(cause => new JsonObject
        {
            ["reason"] = cause.Reason,
            ["message"] = cause.Message,
            ["field"] = cause.Field,
        })]),
    };

    /// <summary>What a Status says of the object it is about.</summary>
    public static JsonObject About(ResourceKind kind, string name, IReadOnlyList<Cause>? causes = null)
    {
        JsonObject details = new() { ["name"] = name };
        if (kind.Group.Length > 0)
            details["group"] = kind.Group;
        details["kind"] = kind.Plural;
        if (causes is { Count: > 0 })
            details["causes"] = WithCauses(causes)["causes"]!.DeepClone();
        return details;
    }
}
