using System.Collections.Immutable;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Ztunnel.Identity;

namespace Ztunnel.Control;

/// <summary>
/// The Secrets with keys: <c>cacerts</c>, which an operator writes in Istio's layout, and <c>ztunnel-ca</c>, which the leader writes in
/// the same, with the next key and the times of the roots beside it.
/// </summary>
internal static class AuthoritySecret
{
    /// <summary>The operator's Secret.</summary>
    public const string OfferedName = "cacerts";

    /// <summary>The authority's own Secret.</summary>
    public const string KeptName = "ztunnel-ca";

    /// <summary>On <c>ztunnel-ca</c>: a new value makes the authority make itself a new root.</summary>
    public const string RotateAnnotation = "ztunnel.io/rotate";

    /// <summary>On <c>cacerts</c>: with the value <c>immediate</c> it signs at once, and nothing else is trusted.</summary>
    public const string RotationAnnotation = "ztunnel.io/rotation";

    private const string NextPrefix = "next-";
    private const string RotationName = "rotation.json";

    /// <summary>Reads <c>cacerts</c>. Throws <see cref="CertificateFileException"/> naming the Secret and the file that is wrong.</summary>
    public static OfferedAuthority ReadOffered(JsonNode secret, DateTimeOffset now)
    {
        string place = Place(secret);
        Dictionary<string, byte[]> files = Files(place, secret);
        TrustRoots roots = SigningFiles.Of(place, files).LoadRoots(now);
        bool immediate = string.Equals(Annotation(secret, RotationAnnotation), "immediate", StringComparison.Ordinal);
        return new OfferedAuthority(SigningMaterial.Read(place, files, now), roots.Parsed, immediate);
    }

    /// <summary>Reads <c>ztunnel-ca</c>. Throws as <see cref="ReadOffered"/> does; a key whose time is over is none.</summary>
    public static AuthorityRecord ReadKept(JsonNode secret, DateTimeOffset now)
    {
        string place = Place(secret);
        Dictionary<string, byte[]> files = Files(place, secret);
        string rootsName = $"{place}: {SigningFiles.RootName}";
        byte[] roots = files.GetValueOrDefault(SigningFiles.RootName)
            ?? throw new CertificateFileException(rootsName, CertificateFileProblem.Missing, "it is missing");
        var record = new AuthorityRecord
        {
            Signing = ReadMaterial(place, files, "", now),
            Next = files.ContainsKey(NextPrefix + SigningFiles.KeyName) ? ReadMaterial(place, files, NextPrefix, now) : null,
            // A Secret that was written by hand has no times: its roots count as long trusted.
            Roots =
            [
                .. CertificateFile.ParseCertificates(rootsName, Encoding.UTF8.GetString(roots))
                    .Select(root => new TrustedRoot(root, DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch, null)),
            ],
        };
        return files.TryGetValue(RotationName, out byte[]? rotation) ? ReadRotation(place, rotation, record, now) : record;
    }

    /// <summary>The wish on <c>ztunnel-ca</c>.</summary>
    public static string? WishOf(JsonNode secret) => Annotation(secret, RotateAnnotation);

    /// <summary>The <c>data</c> of <c>ztunnel-ca</c>.</summary>
    public static JsonObject Data(AuthorityRecord record)
    {
        var data = new JsonObject();
        Write(data, "", record.Signing);
        Write(data, NextPrefix, record.Next);
        Put(data, SigningFiles.RootName, Encoding.ASCII.GetBytes(record.Bundle));
        var roots = new JsonArray();
        foreach (TrustedRoot root in record.Roots)
            roots.Add((JsonNode)new JsonObject { ["sha256"] = root.Fingerprint, ["told"] = Text(root.Told), ["since"] = Text(root.Since), ["until"] = Text(root.Until) });
        var rotation = new JsonObject { ["followed"] = record.Followed, ["roots"] = roots };
        Put(data, RotationName, Encoding.UTF8.GetBytes(rotation.ToJsonString()));
        return data;
    }

    private static SigningMaterial? ReadMaterial(string place, Dictionary<string, byte[]> files, string prefix, DateTimeOffset now)
    {
        var own = files
            .Where(file => file.Key.StartsWith(prefix, StringComparison.Ordinal))
            .ToDictionary(file => file.Key[prefix.Length..], file => file.Value, StringComparer.Ordinal);
        own[SigningFiles.RootName] = files[SigningFiles.RootName];
        try
        {
            return SigningMaterial.Read(place, own, now);
        }
        catch (CertificateFileException e) when (e.Problem == CertificateFileProblem.Expired)
        {
            return null;
        }
    }

    private static AuthorityRecord ReadRotation(string place, byte[] text, AuthorityRecord record, DateTimeOffset now)
    {
        try
        {
            JsonObject rotation = JsonNode.Parse(text) as JsonObject ?? throw new JsonException();
            JsonNode[] told = [.. (rotation["roots"] as JsonArray ?? throw new JsonException()).OfType<JsonNode>()];
            TrustedRoot[] read = [.. record.Roots.Select(root => ReadRoot(root, told))];
            // An earlier version did not write since when: one that is not known to be everywhere has its time from now on.
            bool untold = read.Any(IsUntold);
            return record with
            {
                Roots = [.. read.Select(root => IsUntold(root) ? root with { Told = now } : root)],
                Followed = (string?)rotation["followed"],
                IsUnwritten = untold,
            };
        }
        catch (Exception e) when (e is JsonException or FormatException or InvalidOperationException)
        {
            throw new CertificateFileException($"{place}: {RotationName}", CertificateFileProblem.Malformed, "it does not hold the times of the roots");
        }
    }

    private static TrustedRoot ReadRoot(TrustedRoot root, JsonNode[] told) =>
        told.FirstOrDefault(entry => string.Equals((string?)entry["sha256"], root.Fingerprint, StringComparison.Ordinal)) is { } times
            ? root with { Told = Time(times["told"]) ?? root.Told, Since = Time(times["since"]), Until = Time(times["until"]) }
            : root;

    private static bool IsUntold(TrustedRoot root) => root.Told == DateTimeOffset.UnixEpoch && root.Since is null;

    private static Dictionary<string, byte[]> Files(string place, JsonNode secret)
    {
        var files = new Dictionary<string, byte[]>(StringComparer.Ordinal);
        foreach ((string name, JsonNode? value) in secret["data"] as JsonObject ?? [])
        {
            try
            {
                files[name] = Convert.FromBase64String((string?)value ?? "");
            }
            catch (FormatException)
            {
                throw new CertificateFileException($"{place}: {name}", CertificateFileProblem.Malformed, "it is not base64");
            }
        }

        return files;
    }

    private static void Write(JsonObject data, string prefix, SigningMaterial? material)
    {
        foreach ((string name, byte[] bytes) in material?.Files ?? ImmutableDictionary<string, byte[]>.Empty)
            Put(data, prefix + name, bytes);
    }

    private static void Put(JsonObject data, string name, byte[] bytes) => data[name] = Convert.ToBase64String(bytes);

    private static string Place(JsonNode secret) => $"Secret {(string?)secret["metadata"]?["namespace"]}/{(string?)secret["metadata"]?["name"]}";

    private static string? Annotation(JsonNode secret, string name) => (string?)secret["metadata"]?["annotations"]?[name];

    private static string? Text(DateTimeOffset? time) => time?.ToString("O");

    private static DateTimeOffset? Time(JsonNode? text) => (string?)text is { } time
        ? DateTimeOffset.Parse(time, System.Globalization.CultureInfo.InvariantCulture, System.Globalization.DateTimeStyles.RoundtripKind)
        : null;
}
