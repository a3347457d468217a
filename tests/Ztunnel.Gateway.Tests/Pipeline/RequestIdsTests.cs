using System.Text.RegularExpressions;

namespace Ztunnel.Gateway.Tests;

/// <summary>Ids of requests that come without.</summary>
public sealed partial class RequestIdsTests
{
    [Fact]
    public void Each_is_another_random_UUID_also_when_random_bytes_are_fetched_anew()
    {
        var ids = new RequestIds();
        string[] made = [.. Enumerable.Range(0, 200).Select(_ => ids.Next())];

        Assert.Equal(made.Length, made.Distinct(StringComparer.Ordinal).Count());
        Assert.All(made, id => Assert.Matches(Version4(), id));
    }

    [GeneratedRegex("^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Version4();
}
