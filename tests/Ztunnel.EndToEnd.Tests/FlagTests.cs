using System.CommandLine;

namespace Ztunnel.EndToEnd.Tests;

/// <summary>Flags that make no sense.</summary>
public sealed class FlagTests
{
    [Theory]
    [InlineData("--max-connections", "x")]
    [InlineData("--max-connections", "99999999999")]
    [InlineData("--max-connection-rate", "-1")]
    [InlineData("--max-held-bytes", "1.5")]
    [InlineData("--half-closed-timeout", "NaN")]
    [InlineData("--drain-seconds", "soon")]
    [InlineData("--workers", "0")]
    [InlineData("--workers", "two")]
    [InlineData("--probes", "LinkLocal")]
    [InlineData("--admin", "localhost")]
    [InlineData("--same-node", "maybe")]
    public void A_value_that_makes_no_sense_is_a_mistake_that_names_it(string flag, string value)
    {
        using var error = new StringWriter();
        using var output = new StringWriter();
        int exit = NodeCommand.Create()
            .Parse(["--node", "a", "--manifests", ".", flag, value])
            .Invoke(new InvocationConfiguration { Output = output, Error = error });

        Assert.Equal(1, exit);
        Assert.Contains(value, error.ToString(), StringComparison.Ordinal);
    }
}
