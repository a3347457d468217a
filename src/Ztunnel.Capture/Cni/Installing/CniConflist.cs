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
    /// which address management keeps its books. Throws <see cref="FormatException"/> for what is no such configuration.
    /// </summary>
    public static string Chain(string primary, CniOptions options)
    {
        JsonObject conf = Parse(primary);
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
            conf = new JsonObject { ["cniVersion"] = conf["cniVersion"]?.DeepClone(), ["name"] = conf["name"]?.DeepClone() };
        }

        if (conf["name"]?.GetValueKind() is not JsonValueKind.String)
            throw new FormatException("it has no \"name\"");
        chain.Add((JsonNode)Entry(options));
        conf["plugins"] = chain;
        return conf.ToJsonString(Indented) + "\n";
    }

    private static JsonObject Entry(CniOptions options) => new()
    {
        ["type"] = CniPlugin.Type,
        [CniConfiguration.RunDirectoryMember] = options.RunDirectory,
        [CniConfiguration.ExcludedNamespacesMember] = new JsonArray([.. options.ExcludedNamespaces.Select(name => (JsonNode)name)]),
        [CniConfiguration.SystemNamespaceMember] = options.SystemNamespace,
    };

    private static string? TypeOf(JsonNode? plugin) =>
        plugin is JsonObject members && members["type"] is JsonValue type && type.GetValueKind() == JsonValueKind.String ? type.GetValue<string>() : null;

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
