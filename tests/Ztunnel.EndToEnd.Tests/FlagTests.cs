using System.CommandLine;
using Spectre.Console;

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
    [InlineData("--trust-domain", "a b")]
    [InlineData("--trust-domain-alias", "Upper.case")]
    public void A_value_that_makes_no_sense_is_a_mistake_that_names_it(string flag, string value)
    {
        using var error = new StringWriter();
        using var output = new StringWriter();
        int exit = NodeCommand.Create()
            .Parse(["--node", "a", "--manifests", ".", flag, value])
            .Invoke(new InvocationConfiguration { Output = output, Error = error });

        Assert.Equal(1, exit);
        Assert.Contains(value, error.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("exception", error.ToString(), StringComparison.OrdinalIgnoreCase);
    }

    [Theory]
    [InlineData("--trust-domain", "a b")]
    [InlineData("--name", "")]
    [InlineData("--namespace", "")]
    public void So_it_is_of_a_gateway(string flag, string value)
    {
        using var error = new StringWriter();
        using var output = new StringWriter();
        string[] names = [.. new[] { "--name", "edge", "--namespace", "infra" }.Chunk(2).Where(pair => pair[0] != flag).SelectMany(pair => pair)];
        int exit = GatewayCommand.Create()
            .Parse([.. names, "--manifests", "/no/such/directory", flag, value])
            .Invoke(new InvocationConfiguration { Output = output, Error = error });

        Assert.Equal(1, exit);
        Assert.Contains($"{flag}: ", error.ToString(), StringComparison.Ordinal);
        Assert.Contains($"got \"{value}\"", error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_demo_of_nothing_says_what_is_missing()
    {
        using var directory = new ManifestDirectory();
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(TextWriter.Null) });

        DemoFailure failure = await Assert.ThrowsAsync<DemoFailure>(() => DemoMesh.Start(directory.Path, console, CancellationToken.None));
        Assert.Contains($"{directory.Path} has no Node", failure.Message, StringComparison.Ordinal);
    }
}
