using System.Collections.Immutable;
using System.Net;
using System.Text.Json;

namespace Ztunnel.Capture;

/// <summary>What the runtime gives the plugin on standard input: our part of the conflist, and what the plugins before us made.</summary>
internal sealed record CniConfiguration
{
    /// <summary>The versions of the specification that we know, oldest first.</summary>
    public static readonly ImmutableArray<string> Versions = ["0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"];

    /// <summary>Member that holds <see cref="RunDirectory"/>.</summary>
    public const string RunDirectoryMember = "runDirectory";

    /// <summary>Member that holds <see cref="ExcludedNamespaces"/>.</summary>
    public const string ExcludedNamespacesMember = "excludeNamespaces";

    /// <summary>Member that holds <see cref="SystemNamespace"/>.</summary>
    public const string SystemNamespaceMember = "systemNamespace";

    /// <summary><c>cniVersion</c>.</summary>
    public required string Version { get; init; }

    /// <summary>Where the agent's socket is.</summary>
    public required string RunDirectory { get; init; }

    /// <summary>Namespaces about whose pods nobody is asked.</summary>
    public ImmutableArray<string> ExcludedNamespaces { get; init; } = [];

    /// <summary>The mesh's own namespace, whose pods start even without the agent: it may be one of them.</summary>
    public string? SystemNamespace { get; init; }

    /// <summary><c>prevResult</c>; null when there is none.</summary>
    public JsonElement? Previous { get; init; }

    /// <summary>Reads it, of whatever version it is. Throws <see cref="CniException"/>.</summary>
    public static CniConfiguration Read(JsonElement input)
    {
        if (input.ValueKind != JsonValueKind.Object)
            throw new CniException(CniError.CannotDecode, "the network configuration is not a JSON object");
        return new CniConfiguration
        {
            Version = Text(input, "cniVersion") ?? "0.1.0",
            RunDirectory = Text(input, RunDirectoryMember) is { Length: > 0 } directory
                ? directory
                : throw new CniException(CniError.InvalidConfiguration, $"{RunDirectoryMember} is missing: it names the directory of the agent's socket"),
            ExcludedNamespaces = Texts(input, ExcludedNamespacesMember),
            SystemNamespace = Text(input, SystemNamespaceMember),
            Previous = input.TryGetProperty("prevResult", out JsonElement previous) && previous.ValueKind == JsonValueKind.Object ? previous : null,
        };
    }

    /// <summary>Throws <see cref="CniException"/> unless it is of a version that we know.</summary>
    public void RequireVersion()
    {
        if (!Versions.Contains(Version, StringComparer.Ordinal))
        {
            throw new CniException(
                CniError.IncompatibleVersion, $"cniVersion {Version} is not supported", $"supported are {string.Join(", ", Versions)}");
        }
    }

    /// <summary>
    /// The addresses that the plugins before us gave the pod: those of interfaces inside its sandbox, or of no interface in
    /// particular. Throws <see cref="CniException"/>.
    /// </summary>
    public static ImmutableArray<IPAddress> AddressesIn(JsonElement result)
    {
        JsonElement[] interfaces = Items(result, "interfaces");
        var addresses = ImmutableArray.CreateBuilder<IPAddress>();
        foreach (JsonElement ip in Items(result, "ips"))
        {
            bool inside = !ip.TryGetProperty("interface", out JsonElement index) || !index.TryGetInt32(out int at)
                || at < 0 || at >= interfaces.Length || Text(interfaces[at], "sandbox") is { Length: > 0 };
            if (!inside)
                continue;
            string text = Text(ip, "address") ?? "";
            if (!IPAddress.TryParse(text.Split('/')[0], out IPAddress? address))
                throw new CniException(CniError.CannotDecode, $"prevResult.ips has the address \"{text}\", which is none");
            if (!addresses.Contains(address))
                addresses.Add(address);
        }

        return addresses.ToImmutable();
    }

    private static string? Text(JsonElement parent, string name) =>
        !parent.TryGetProperty(name, out JsonElement member) || member.ValueKind == JsonValueKind.Null ? null
        : member.ValueKind == JsonValueKind.String ? member.GetString()
        : throw new CniException(CniError.CannotDecode, $"{name} is not a string");

    private static ImmutableArray<string> Texts(JsonElement parent, string name) =>
        [.. Items(parent, name).Select(item => item.ValueKind == JsonValueKind.String ? item.GetString()! : throw new CniException(CniError.CannotDecode, $"{name} holds what is not a string"))];

    private static JsonElement[] Items(JsonElement parent, string name) =>
        !parent.TryGetProperty(name, out JsonElement member) || member.ValueKind == JsonValueKind.Null ? []
        : member.ValueKind == JsonValueKind.Array ? [.. member.EnumerateArray()]
        : throw new CniException(CniError.CannotDecode, $"{name} is not an array");
}
