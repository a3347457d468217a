using System.Xml.Linq;
using Ztunnel.Testing;

namespace Ztunnel.EndToEnd.Tests;

/// <summary>Holds the projects' references to the picture in docs/architecture.md: they point one way.</summary>
public sealed class ReferenceGraphTests
{
    private static readonly Dictionary<string, string[]> Allowed = new(StringComparer.Ordinal)
    {
        ["Ztunnel.IO"] = [],
        ["Ztunnel.Mesh"] = [],
        ["Ztunnel.Hbone"] = ["Ztunnel.IO"],
        ["Ztunnel.Identity"] = ["Ztunnel.IO", "Ztunnel.Mesh"],
        ["Ztunnel.Resources"] = ["Ztunnel.Mesh"],
        ["Ztunnel.Kubernetes"] = ["Ztunnel.Resources"],
        ["Ztunnel.Control"] = ["Ztunnel.IO", "Ztunnel.Identity", "Ztunnel.Kubernetes", "Ztunnel.Mesh", "Ztunnel.Resources"],
        ["Ztunnel.Capture"] = ["Ztunnel.IO", "Ztunnel.Mesh"],
        ["Ztunnel.Telemetry"] = ["Ztunnel.Mesh"],
        ["Ztunnel.Proxy"] = ["Ztunnel.IO", "Ztunnel.Hbone", "Ztunnel.Identity", "Ztunnel.Mesh", "Ztunnel.Telemetry"],
        ["Ztunnel.Gateway"] = ["Ztunnel.IO", "Ztunnel.Hbone", "Ztunnel.Identity", "Ztunnel.Mesh", "Ztunnel.Telemetry"],
        ["Ztunnel.Lab"] = ["Ztunnel.IO", "Ztunnel.Resources"],
        ["Ztunnel.Diagnostics"] =
            ["Ztunnel.IO", "Ztunnel.Mesh", "Ztunnel.Telemetry", "Ztunnel.Identity", "Ztunnel.Proxy", "Ztunnel.Resources", "Ztunnel.Capture"],
    };

    public static TheoryData<string> Projects => [.. Directory.GetDirectories(Sources).Select(d => Path.GetFileName(d)!)];

    private static string Sources => Path.Combine(Repository.Root, "src");

    [Theory]
    [MemberData(nameof(Projects))]
    public void A_project_references_only_what_the_picture_allows(string project)
    {
        if (project == "Ztunnel")
            return; // The executable composes everything.

        Assert.True(Allowed.TryGetValue(project, out string[]? allowed), $"{project} is not in the picture");
        IEnumerable<string> references = XDocument.Load(Path.Combine(Sources, project, $"{project}.csproj"))
            .Descendants("ProjectReference")
            .Select(r => Path.GetFileNameWithoutExtension(r.Attribute("Include")!.Value));

        Assert.Empty(references.Except(allowed, StringComparer.Ordinal));
    }

    [Fact]
    public void All_native_calls_and_unsafe_code_live_in_the_IO_project()
    {
        IEnumerable<string> elsewhere = Directory.EnumerateFiles(Sources, "*.cs", SearchOption.AllDirectories)
            .Where(f => !f.Contains("/obj/", StringComparison.Ordinal) && !f.StartsWith(Path.Combine(Sources, "Ztunnel.IO/"), StringComparison.Ordinal))
            .Where(f => File.ReadLines(f).Any(l => l.Contains("LibraryImport", StringComparison.Ordinal)
                || l.Contains("DllImport", StringComparison.Ordinal)
                || l.Contains("unsafe ", StringComparison.Ordinal)));

        Assert.Empty(elsewhere);
    }
}
