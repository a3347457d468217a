using System.Globalization;

namespace Ztunnel.EndToEnd.Tests;

/// <summary>Which share of many requests each backend gets, as the conformance suite measures it.</summary>
internal static class Weights
{
    private const int AtATime = 8;

    // Six standard deviations of the least certain share: a chance in a billion to be wrong.
    private const double Deviations = 6;

    /// <summary>Asks so many times, several at a time, and counts who answered.</summary>
    public static async Task<Dictionary<string, int>> Sample(int times, Func<int, Task<string?>> ask)
    {
        var counts = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (int[] round in Enumerable.Range(0, times).Chunk(AtATime))
        {
            foreach (string? pod in await Task.WhenAll(round.Select(ask)))
                counts[pod ?? "nobody"] = counts.GetValueOrDefault(pod ?? "nobody") + 1;
        }

        return counts;
    }

    /// <inheritdoc cref="Sample(int, Func{int, Task{string}})"/>
    public static Task<Dictionary<string, int>> Sample(int times, Func<int, Task<Exchange>> ask) => Sample(times, async index => (await ask(index)).Pod);

    /// <summary>Fails where anybody else answered, or a share is far from what it should be.</summary>
    public static void AssertShares(Dictionary<string, int> counts, params (string Pod, double Share)[] expected)
    {
        string all = string.Join(", ", counts.Select(count => string.Create(CultureInfo.InvariantCulture, $"{count.Key}: {count.Value}")));
        Assert.True(!counts.Keys.Except(expected.Select(share => share.Pod), StringComparer.Ordinal).Any(), all);
        int total = counts.Values.Sum();
        foreach ((string pod, double share) in expected)
        {
            double deviation = Math.Sqrt(share * (1 - share) / total);
            Assert.True(Math.Abs(((double)counts.GetValueOrDefault(pod) / total) - share) < Deviations * deviation, all);
        }
    }
}
