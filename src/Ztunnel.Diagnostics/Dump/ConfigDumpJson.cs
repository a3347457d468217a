using System.Text.Json.Serialization;

namespace Ztunnel.Diagnostics;

/// <summary>How a <see cref="ConfigDump"/> becomes JSON: camelCase, what is not there left out, indented for the people who read it.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    WriteIndented = true)]
[JsonSerializable(typeof(ConfigDump))]
internal sealed partial class ConfigDumpJson : JsonSerializerContext;
