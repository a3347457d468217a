using System.Collections.Immutable;
using System.Text.Json.Nodes;

namespace Ztunnel.Testing.Cluster;

/// <summary>Which program of the machine an image stands for.</summary>
public sealed class ImageTable
{
    private readonly Dictionary<string, ImmutableArray<string>> _entryPoints = new(StringComparer.Ordinal)
    {
        ["httpbin"] = ["gunicorn", "--bind=[::]:8080", "--threads=8", "httpbin:app"],
        ["go-httpbin"] = ["gunicorn", "--bind=[::]:8080", "--threads=8", "httpbin:app"],
        ["curl"] = ["curl"],
        ["busybox"] = ["sh"],
        ["sleep"] = ["sleep", "infinity"],
    };

    /// <summary>Adds an image by the last part of its name, without a tag.</summary>
    public ImageTable Add(string image, params ImmutableArray<string> entryPoint)
    {
        _entryPoints[image] = entryPoint;
        return this;
    }

    /// <summary>What a container runs: its own command, or the image's entry point, with its arguments. Null for an image that is not there.</summary>
    public ImmutableArray<string>? CommandOf(JsonNode container)
    {
        string image = ClusterObject.Text(container["image"]).Split('/')[^1].Split(':', '@')[0];
        if (!_entryPoints.TryGetValue(image, out ImmutableArray<string> entryPoint))
            return null;
        ImmutableArray<string> command = Strings(container["command"]);
        return [.. command.IsEmpty ? entryPoint : command, .. Strings(container["args"])];
    }

    private static ImmutableArray<string> Strings(JsonNode? list) => [.. (list as JsonArray)?.Select(ClusterObject.Text) ?? []];
}
