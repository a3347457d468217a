using System.Globalization;
using System.Text.Json.Nodes;

namespace Ztunnel.Testing.Api;

/// <summary>Resource versions as requests name them.</summary>
internal static class Versions
{
    /// <summary>Reads one; throws 400 for what is none.</summary>
    public static long Parse(string text) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long version)
            ? version
            : throw ApiFailure.BadRequest($"invalid resource version \"{text}\": must be a number");

    /// <summary>What is said to those who ask for a moment that is not there yet.</summary>
    public static ApiFailure TooLarge(long wanted, long now) => new(
        504,
        "Timeout",
        $"Too large resource version: {wanted}, current: {now}",
        new JsonObject
        {
            ["causes"] = new JsonArray(new JsonObject
            {
                ["reason"] = "ResourceVersionTooLarge",
                ["message"] = "Too large resource version",
            }),
        })
    {
        RetryAfter = 1,
    };
}
