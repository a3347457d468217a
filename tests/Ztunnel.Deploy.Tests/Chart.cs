using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using YamlDotNet.RepresentationModel;
using YamlDotNet.Serialization;
using Ztunnel.Testing;

namespace Ztunnel.Deploy.Tests;

/// <summary>The chart, rendered as an install would: by helm where it is, otherwise by what stands in for it.</summary>
internal static class Chart
{
    public static string Directory { get; } = Path.Combine(Repository.Root, "deploy/helm/ztunnel");

    /// <summary>What the chart renders with these values (YAML), or with its own.</summary>
    public static async Task<string> Render(string? values = null, string @namespace = "istio-system", string? kubeVersion = null)
    {
        (int exit, string output, string error) = await TryRender([values ?? ""], @namespace, kubeVersion);
        Assert.True(exit == 0, error);
        return output;
    }

    /// <summary>The same with values one over the other, and with the exit code and what was said.</summary>
    public static async Task<(int Exit, string Output, string Error)> TryRender(
        IReadOnlyList<string> values, string @namespace = "istio-system", string? kubeVersion = null)
    {
        DirectoryInfo directory = System.IO.Directory.CreateTempSubdirectory("ztunnel-values-");
        try
        {
            List<string> arguments = ["ztunnel", Directory, "--namespace", @namespace];
            if (kubeVersion is not null)
                arguments.AddRange(["--kube-version", kubeVersion]);
            foreach ((int index, string text) in values.Index())
            {
                string file = Path.Combine(directory.FullName, index.ToString(CultureInfo.InvariantCulture));
                await File.WriteAllTextAsync(file, text, TestContext.Current.CancellationToken);
                arguments.AddRange(["-f", file]);
            }

            return await Run.Program(Path.Combine(Repository.Root, "deploy/template"), arguments);
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    /// <summary>The objects of rendered or written YAML.</summary>
    public static IReadOnlyList<JsonNode> Objects(string yaml)
    {
        var stream = new YamlStream();
        stream.Load(new StringReader(yaml));
        IDeserializer reader = new DeserializerBuilder().WithAttemptingUnquotedStringTypeDeserialization().Build();
        ISerializer json = new SerializerBuilder().JsonCompatible().Build();
        List<JsonNode> objects = [];
        foreach (YamlDocument document in stream.Documents)
        {
            using var text = new StringWriter();
            new YamlStream(document).Save(text, assignAnchors: false);
            if (reader.Deserialize<object?>(text.ToString()) is { } value)
                objects.Add(JsonNode.Parse(json.Serialize(value))!);
        }

        return objects;
    }

    /// <summary>The one object of a kind and a name.</summary>
    public static JsonNode Object(this IEnumerable<JsonNode> objects, string kind, string name) =>
        Assert.Single(objects, each => (string?)each["kind"] == kind && (string?)each["metadata"]!["name"] == name);

    /// <summary>The pod templates of what runs pods.</summary>
    public static IEnumerable<(string Owner, JsonNode Spec)> Pods(this IEnumerable<JsonNode> objects) =>
        from each in objects
        let pod = each["spec"]?["template"]?["spec"]
        where pod is not null
        select ($"{each["kind"]} {each["metadata"]!["name"]}", pod);
}

/// <summary>Programs, run to their end.</summary>
internal static class Run
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    public static async Task<(int Exit, string Output, string Error)> Program(string file, IEnumerable<string> arguments, params (string Name, string Value)[] environment)
    {
        var start = new ProcessStartInfo(file, arguments) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach ((string name, string value) in environment)
            start.Environment[name] = value;
        using Process process = Process.Start(start)!;
        try
        {
            Task<string> output = process.StandardOutput.ReadToEndAsync();
            Task<string> error = process.StandardError.ReadToEndAsync();
            await process.WaitForExitAsync(TestContext.Current.CancellationToken).WaitAsync(Patience);
            return (process.ExitCode, await output, await error);
        }
        finally
        {
            if (!process.HasExited)
                process.Kill(entireProcessTree: true);
        }
    }
}
