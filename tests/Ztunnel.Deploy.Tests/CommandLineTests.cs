using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Ztunnel.Deploy.Tests;

/// <summary>What the chart and the unit start are command lines that the program takes.</summary>
public sealed partial class CommandLineTests
{
    private static string Program { get; } = Path.Combine(AppContext.BaseDirectory, "ztunnel");

    [Theory]
    [MemberData(nameof(ExampleValues.All), MemberType = typeof(ExampleValues))]
    public async Task Every_flag_of_a_container_is_one_of_its_role(string name, string values)
    {
        foreach ((string owner, JsonNode pod) in Chart.Objects(await Chart.Render(values)).Pods())
        {
            string[] arguments = [.. pod["containers"]![0]!["args"]!.AsArray().Select(argument => (string)argument!)];
            IReadOnlySet<string> known = await FlagsOf(arguments[0]);
            Assert.All(arguments[1..], argument => Assert.True(known.Contains(argument.Split('=')[0]), $"{name}: {owner}: {arguments[0]} {argument}"));
        }
    }

    [Fact]
    public async Task Every_flag_of_the_unit_is_one_of_its_role()
    {
        IReadOnlySet<string> known = await FlagsOf("node");
        string[] unit = await File.ReadAllLinesAsync(SystemdUnitTests.Unit, TestContext.Current.CancellationToken);

        string[] flags = [.. unit.Where(line => !line.StartsWith('#')).SelectMany(line => Flag().Matches(line)).Select(match => match.Value)];
        Assert.Contains(flags, flag => flag == "--run-directory");
        Assert.All(flags, flag => Assert.True(known.Contains(flag), flag));
    }

    private static async Task<IReadOnlySet<string>> FlagsOf(string role)
    {
        (int exit, string output, string error) = await Run.Program(Program, [role, "--help"]);
        Assert.True(exit == 0, error);
        return Flag().Matches(output).Select(match => match.Value).ToHashSet(StringComparer.Ordinal);
    }

    [GeneratedRegex("(?<=^|[\\s\"=])--[a-z][a-z-]*", RegexOptions.Multiline, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex Flag();
}
