using System.Text.Json;
using System.Text.Json.Nodes;

namespace Ztunnel.Testing.Api;

/// <summary>Reads the body of a PATCH as what it does to an object.</summary>
internal static class PatchBody
{
    private const string Json = "application/json-patch+json", Merge = "application/merge-patch+json",
        Strategic = "application/strategic-merge-patch+json";

    /// <summary>Throws 415 for a kind of patch there is not, and 400 for a body that is none.</summary>
    public static async Task<Func<JsonObject, JsonObject>> Read(Exchange exchange, ResourceKind kind)
    {
        switch (exchange.BodyType)
        {
            case Merge:
                JsonObject merge = await exchange.Body(Merge);
                return value => MergePatch.Apply(value, merge);
            case Json:
                JsonArray operations = Operations(await exchange.Text());
                return value => JsonPatch.Apply(value, operations);
            // Only built-in kinds say how their lists merge.
            case Strategic when !kind.Custom:
                JsonObject strategic = await exchange.Body(Strategic);
                return value => StrategicMergePatch.Apply(value, strategic, kind.Shape);
            default:
                throw ApiFailure.UnsupportedMediaType(
                    kind.Custom ? [Json, Merge, Applying.MediaType] : [Json, Merge, Strategic, Applying.MediaType]);
        }
    }

    private static JsonArray Operations(string text)
    {
        try
        {
            return JsonNode.Parse(text) as JsonArray ?? throw ApiFailure.BadRequest("a JSON patch is a list of operations");
        }
        catch (JsonException e)
        {
            throw ApiFailure.BadRequest($"error decoding patch: {e.Message}");
        }
    }
}
