using System.Globalization;
using System.Text.Json.Nodes;

namespace Ztunnel.Resources;

/// <summary>YAML as the JSON it stands for, by the rules Kubernetes reads YAML by: for patches in ConfigMaps.</summary>
public static class ManifestJson
{
    /// <summary>
    /// The one document of a text; null for an empty one. Throws <see cref="FormatException"/> with the line for what is no YAML,
    /// is more than one document, or has a key twice.
    /// </summary>
    public static JsonNode? Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        YamlDocument[] documents = [.. YamlText.Read(text)];
        if (documents.FirstOrDefault(document => document.Fault is not null) is { Fault: { } fault })
            throw new FormatException($"line {fault.Line}: {fault.Message}");
        return documents.Length switch
        {
            0 => null,
            1 => Convert(documents[0].Root!),
            _ => throw new FormatException("expected one YAML document"),
        };
    }

    private static JsonNode? Convert(YamlNode node) => node switch
    {
        YamlMapping mapping => Convert(mapping),
        YamlSequence list => new JsonArray([.. list.Items.Select(Convert)]),
        YamlScalar { Type: YamlScalarType.Null } => null,
        YamlScalar { Type: YamlScalarType.Boolean } flag => flag.Value.ToUpperInvariant() is "TRUE" or "YES" or "ON",
        YamlScalar { Type: YamlScalarType.Number } number => Number(number),
        YamlScalar text => text.Value,
        _ => throw new FormatException($"line {node.Line}: {node.Describe()} is not expected here"),
    };

    private static JsonObject Convert(YamlMapping mapping)
    {
        var result = new JsonObject();
        foreach ((YamlScalar key, YamlNode value) in mapping.Entries)
        {
            if (!result.TryAdd(key.Value, Convert(value)))
                throw new FormatException($"line {key.Line}: {YamlScalar.Show(key.Value)} is given twice");
        }

        return result;
    }

    private static JsonNode Number(YamlScalar number)
    {
        if (long.TryParse(number.Value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long whole))
            return whole;
        return double.TryParse(number.Value, NumberStyles.Float, CultureInfo.InvariantCulture, out double real) && double.IsFinite(real)
            ? real
            : throw new FormatException($"line {number.Line}: {number.Describe()} is written in a way that JSON has none for; put it in quotes if it is a text");
    }
}
