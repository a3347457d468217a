using System.Text.Json.Nodes;

namespace Ztunnel.Testing.Api;

/// <summary>Objects as clients send them, made into the version they are kept in; and back.</summary>
internal static class Incoming
{
    /// <summary>Checks that a body is an object of the kind and version of its path, and makes it the kept version.</summary>
    public static JsonObject Read(ResourceKind kind, string version, JsonObject body)
    {
        string expected = kind.ApiVersion(version);
        string apiVersion = (string?)body["apiVersion"] ?? "", name = (string?)body["kind"] ?? "";
        // Built-in kinds are guessed from the path where the body does not say; custom ones must say.
        if (apiVersion.Length == 0 && name.Length == 0 && !kind.Custom)
            (apiVersion, name) = (expected, kind.Kind);
        if (name != kind.Kind)
            throw ApiFailure.BadRequest($"Object 'Kind' {(name.Length == 0 ? "is missing" : $"{name} does not match {kind.Kind}")}");
        if (apiVersion != expected)
        {
            throw ApiFailure.BadRequest(
                $"the API version in the data ({apiVersion}) does not match the expected API version ({expected})");
        }

        if (body["metadata"] is not (null or JsonObject))
            throw ApiFailure.BadRequest("metadata must be an object");
        return ToKept(kind, body);
    }

    /// <summary>An object of the served kind and version, made into the kept one.</summary>
    public static JsonObject ToKept(ResourceKind kind, JsonObject value)
    {
        kind.Conversion?.ToKept(value);
        value["apiVersion"] = kind.Kept.ApiVersion();
        value["kind"] = kind.Kind;
        return value;
    }

    /// <summary>A kept object in the served kind and version.</summary>
    public static JsonObject FromKept(ResourceKind kind, string version, JsonObject value)
    {
        kind.Conversion?.FromKept(value);
        value["apiVersion"] = kind.ApiVersion(version);
        return value;
    }
}
