using System.Text;
using System.Text.Json.Nodes;

namespace Ztunnel.Testing.Api;

/// <summary>What the server says of itself: its version, its health, its kinds.</summary>
internal sealed class Documents(KindTable kinds, OpenApi openApi, ApiServerOptions options)
{
    private static readonly string[] Writes = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];

    /// <summary>Answers when the path is one of its own.</summary>
    public async Task<bool> Answer(Exchange exchange, string path)
    {
        string[] parts = path.Trim('/').Split('/');
        JsonObject? document = parts switch
        {
            ["version"] => Version(),
            ["api"] => new() { ["kind"] = "APIVersions", ["versions"] = new JsonArray("v1"), ["serverAddressByClientCIDRs"] = new JsonArray() },
            ["apis"] => GroupList(),
            ["api", "v1"] => Resources("", "v1"),
            ["apis", var group] when kinds.Groups.FirstOrDefault(known => known.Group == group) is { Group: not null } found => Group(found),
            ["apis", var group, var version] => Resources(group, version),
            ["openapi", "v2"] => openApi.Swagger(),
            ["openapi", "v3"] => openApi.Index(),
            ["openapi", "v3", "api", "v1"] => openApi.Document("", "v1"),
            ["openapi", "v3", "apis", var group, var version] => openApi.Document(group, version),
            _ => null,
        };
        if (parts is ["openapi", "v2"] && exchange.Http.Request.Headers.Accept.ToString().Contains(OpenApi.BinaryRequest, StringComparison.Ordinal))
        {
            await exchange.Answer(200, openApi.Binary(), OpenApi.BinaryType);
            return true;
        }

        if (document is not null)
        {
            await exchange.Answer(200, document);
            return true;
        }

        if (parts is not ["healthz" or "livez" or "readyz", ..])
            return false;
        exchange.Http.Response.ContentType = "text/plain; charset=utf-8";
        await exchange.Http.Response.Body.WriteAsync("ok"u8.ToArray(), exchange.Gone);
        return true;
    }

    private JsonObject Version()
    {
        string[] parts = options.Version.TrimStart('v').Split('.');
        return new JsonObject
        {
            ["major"] = parts[0],
            ["minor"] = parts[1],
            ["gitVersion"] = options.Version,
            ["gitCommit"] = "",
            ["gitTreeState"] = "clean",
            ["buildDate"] = "2025-01-01T00:00:00Z",
            ["goVersion"] = "none",
            ["compiler"] = "none",
            ["platform"] = "linux/amd64",
        };
    }

    private JsonObject GroupList() => new()
    {
        ["kind"] = "APIGroupList",
        ["apiVersion"] = "v1",
        ["groups"] = new JsonArray([.. kinds.Groups.Select(group => Group(group, listed: true))]),
    };

    private static JsonObject Group((string Group, string[] Versions) group) => Group(group, listed: false);

    private static JsonObject Group((string Group, string[] Versions) group, bool listed)
    {
        JsonObject document = listed ? [] : new() { ["kind"] = "APIGroup", ["apiVersion"] = "v1" };
        document["name"] = group.Group;
        document["versions"] = new JsonArray([.. group.Versions.Select(version => Of(group.Group, version))]);
        document["preferredVersion"] = Of(group.Group, group.Versions[0]);
        return document;
    }

    private static JsonObject Of(string group, string version) => new() { ["groupVersion"] = $"{group}/{version}", ["version"] = version };

    private JsonObject? Resources(string group, string version)
    {
        ResourceKind[] served = [.. kinds.In(group, version)];
        if (served.Length == 0)
            return null;
        return new JsonObject
        {
            ["kind"] = "APIResourceList",
            ["apiVersion"] = "v1",
            ["groupVersion"] = group.Length == 0 ? version : $"{group}/{version}",
            ["resources"] = new JsonArray([.. served.SelectMany(Resources)]),
        };
    }

    private static IEnumerable<JsonObject> Resources(ResourceKind kind)
    {
        JsonObject main = Resource(kind, "", kind.Answered ? ["create"] : Writes);
        main["singularName"] = kind.Singular;
        if (!kind.ShortNames.IsEmpty)
            main["shortNames"] = new JsonArray([.. kind.ShortNames.Select(name => (JsonNode)name)]);
        if (!kind.Categories.IsEmpty)
            main["categories"] = new JsonArray([.. kind.Categories.Select(name => (JsonNode)name)]);
        main["storageVersionHash"] = Convert.ToBase64String(Encoding.UTF8.GetBytes(kind.Resource))[..8];
        yield return main;
        foreach ((string name, string of, string group, string version, string[] verbs) in Subresources.Of(kind))
        {
            JsonObject below = Resource(kind, $"/{name}", verbs);
            below["kind"] = of;
            if (group.Length > 0)
                (below["group"], below["version"]) = (group, version);
            yield return below;
        }
    }

    private static JsonObject Resource(ResourceKind kind, string subresource, string[] verbs) => new()
    {
        ["name"] = kind.Plural + subresource,
        ["singularName"] = "",
        ["namespaced"] = kind.Namespaced,
        ["kind"] = kind.Kind,
        ["verbs"] = new JsonArray([.. verbs.Select(verb => (JsonNode)verb)]),
    };
}
