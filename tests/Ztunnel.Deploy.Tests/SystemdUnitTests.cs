using System.Globalization;
using System.Text.RegularExpressions;
using Ztunnel.Testing;

namespace Ztunnel.Deploy.Tests;

/// <summary>The unit of nodes outside a cluster.</summary>
public sealed partial class SystemdUnitTests
{
    internal static string Unit { get; } = Path.Combine(Repository.Root, "deploy/systemd/ztunnel-node.service");

    [Fact]
    public async Task Systemd_understands_every_line_of_it()
    {
        DirectoryInfo directory = Directory.CreateTempSubdirectory("ztunnel-unit-");
        try
        {
            // The program has to be where the unit says; here it is beside the tests.
            string copy = Path.Combine(directory.FullName, Path.GetFileName(Unit));
            string text = await File.ReadAllTextAsync(Unit, TestContext.Current.CancellationToken);
            Assert.Contains("/usr/local/bin/ztunnel ", text, StringComparison.Ordinal);
            await File.WriteAllTextAsync(
                copy, text.Replace("/usr/local/bin/ztunnel ", $"{Path.Combine(AppContext.BaseDirectory, "ztunnel")} ", StringComparison.Ordinal), TestContext.Current.CancellationToken);

            (int exit, string output, string error) = await Run.Program("systemd-analyze", ["verify", "--man=no", copy]);

            Assert.True(exit == 0 && !error.Contains(Path.GetFileName(Unit), StringComparison.Ordinal), output + error);
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task It_is_confined_as_far_as_its_work_allows()
    {
        (int exit, string output, string error) = await Run.Program("systemd-analyze", ["security", "--no-pager", "--offline=true", Unit]);

        Assert.True(exit == 0, error);
        // 0 is a program that may do nothing, 10 one that may do everything.
        string level = Level().Match(output).Groups["level"].Value;
        Assert.True(decimal.Parse(level, CultureInfo.InvariantCulture) <= 3.0m, output);
    }

    [GeneratedRegex("Overall exposure level for .*: (?<level>[0-9.]+)", RegexOptions.None, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex Level();
}
