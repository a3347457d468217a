using System.Text.Json;
using System.Text.Json.Nodes;

namespace Ztunnel.Capture;

/// <summary>Makes the conflist of ours out of the one that a node's network has.</summary>
internal static class CniConflist
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    private static readonly JsonDocumentOptions Lenient = new() { AllowDuplicateProperties = false };

    /// <summary>
    /// What a network configuration says, a list or a single plugin's, with ours at the end of the chain: under its own name, by
    /// which address management keeps its books. Throws <see cref="FormatException"/>, with the field in question, for what is no such
    /// configuration, and for one of a version in which our plugin would refuse every pod.
    /// </summary>
    public static string Chain(string primary, CniOptions options)
    {
        JsonObject conf = Parse(primary);
        RequireVersion(conf);
        if (conf["plugins"] is JsonArray chain)
        {
            if (chain.Count == 0 || chain.Any(plugin => plugin is not JsonObject))
                throw new FormatException("\"plugins\" is not a list of plugins");
            conf.Remove("plugins");
            for (int index = chain.Count - 1; index >= 0; index--)
            {
                if (TypeOf(chain[index]) == CniPlugin.Type)
                    chain.RemoveAt(index);
            }
        }
        else
        {
            // A single plugin's: what a list has of its own is said once, around it.
            if (TypeOf(conf) is null)
                throw new FormatException("there is neither \"plugins\" nor \"type\"");
            chain = [conf.DeepClone()];
            conf = new JsonObject { ["cniVersion"] = conf["cniVersion"]!.DeepClone(), ["name"] = conf["name"]?.DeepClone() };
        }

        if (conf["name"]?.GetValueKind() is not JsonValueKind.String)
            throw new FormatException("it has no \"name\"");
        chain.Add((JsonNode)Entry(options));
        conf["plugins"] = chain;
        return conf.ToJsonString(Indented) + "\n";
    }

    /// <summary>Whether pods can be made by a conflist of ours that is there.</summary>
    public static bool IsUsable(string ours, CniOptions options)
    {
        try
        {
            _ = Chain(ours, options);
            return true;
        }
        catch (FormatException)
        {
            return false;
        }
    }

    /// <summary>
    /// Runtimes take a configuration without a version for 0.1.0 or 0.2.0, in which there are no chains. Of several
    /// (<c>cniVersions</c>, CNI 1.1) they take the highest that they know, so those stay that our plugin knows as well.
    /// </summary>
    private static void RequireVersion(JsonObject conf)
    {
        string known = string.Join(", ", CniConfiguration.Versions);
        if (TextOf(conf["cniVersion"]) is not { } lowest)
            throw new FormatException($"\"cniVersion\" is missing or not a string; the plugin can be behind {known}");
        if (!CniConfiguration.Versions.Contains(lowest, StringComparer.Ordinal))
            throw new FormatException($"\"cniVersion\" is {lowest}; the plugin can be behind {known}");
        if (conf["cniVersions"] is JsonArray offered)
        {
            foreach (JsonNode? unknown in offered.Where(each => TextOf(each) is not { } version || !CniConfiguration.Versions.Contains(version, StringComparer.Ordinal)).ToArray())
                offered.Remove(unknown);
            if (offered.Count == 0)
                conf.Remove("cniVersions");
        }
    }

    private static JsonObject Entry(CniOptions options) => new()
    {
        ["type"] = CniPlugin.Type,
        [CniConfiguration.RunDirectoryMember] = options.RunDirectory,
        [CniConfiguration.ExcludedNamespacesMember] = new JsonArray([.. options.ExcludedNamespaces.Select(name => (JsonNode)name)]),
        [CniConfiguration.SystemNamespaceMember] = options.SystemNamespace,
    };

    private static string? TypeOf(JsonNode? plugin) =>
        plugin is JsonObject members ? TextOf(members["type"]) : null;

    private static string? TextOf(JsonNode? member) => member?.GetValueKind() == JsonValueKind.String ? member.GetValue<string>() : null;

    private static JsonObject Parse(string text)
    {
        try
        {
            return JsonNode.Parse(text, documentOptions: Lenient) as JsonObject ?? throw new FormatException("it is not a JSON object");
        }
        catch (JsonException malformed)
        {
            throw new FormatException(malformed.Message, malformed);
        }
    }
}
