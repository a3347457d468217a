using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json.Nodes;

namespace Ztunnel.Testing.Api;

/// <summary>What is done with the metadata of an object that is written.</summary>
internal static class Metadata
{
    private const string SuffixLetters = "bcdfghjklmnpqrstvwxz2456789";

    /// <summary>The metadata of an object; made when it has none.</summary>
    public static JsonObject Of(JsonObject value)
    {
        if (value["metadata"] is JsonObject metadata)
            return metadata;
        metadata = [];
        value["metadata"] = metadata;
        return metadata;
    }

    /// <summary>The finalizers of an object.</summary>
    public static string[] Finalizers(JsonObject value) =>
        Of(value)["finalizers"] is JsonArray finalizers ? [.. finalizers.Select(finalizer => (string?)finalizer ?? "")] : [];

    /// <summary>A time as metadata carries it.</summary>
    public static string Text(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    /// <summary>A name made of a prefix, as <c>generateName</c> asks for.</summary>
    public static string Generate(string prefix) =>
        string.Concat(prefix.AsSpan(0, Math.Min(prefix.Length, 58)), RandomNumberGenerator.GetString(SuffixLetters, 5));

    /// <summary>Sets what only the server sets, for a new object.</summary>
    public static void Begin(JsonObject value, ResourceKind kind, DateTimeOffset now)
    {
        JsonObject metadata = Of(value);
        foreach (string name in (string[])["selfLink", "deletionTimestamp", "deletionGracePeriodSeconds", "resourceVersion"])
            metadata.Remove(name);
        metadata["uid"] = Guid.NewGuid().ToString();
        metadata["creationTimestamp"] = Text(now);
        if (kind.HasGeneration)
            metadata["generation"] = 1;
        else
            metadata.Remove("generation");
    }

    /// <summary>Carries over what a writer cannot change.</summary>
    public static void Keep(JsonObject value, JsonObject before)
    {
        JsonObject metadata = Of(value), old = Of(before);
        metadata.Remove("selfLink");
        foreach (string name in (string[])
            ["name", "namespace", "uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation", "generateName"])
        {
            if (old[name] is { } kept)
                metadata[name] = kept.DeepClone();
            else
                metadata.Remove(name);
        }
    }
}
