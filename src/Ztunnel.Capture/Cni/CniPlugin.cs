using System.Collections.Immutable;
using System.Net;
using System.Text.Json;
using Ztunnel.IO;

namespace Ztunnel.Capture;

/// <summary>
/// The program as a CNI plugin, chained behind those that make a pod's network (CNI specification 0.3.0 to 1.1.0): asks the
/// node's agent to capture the pod before anything runs in it, and lets the pod start only then.
/// </summary>
public static class CniPlugin
{
    /// <summary>The plugin's <c>type</c>, which is the name of its file.</summary>
    public const string Type = "ztunnel";

    /// <summary>How long the agent may take to enrol a pod; the kubelet has more patience than that.</summary>
    private static readonly TimeSpan AddPatience = TimeSpan.FromSeconds(30);

    /// <summary>Nobody waits long to be told that a sandbox goes.</summary>
    private static readonly TimeSpan DeletePatience = TimeSpan.FromSeconds(2);

    /// <summary>Whether a runtime runs this process as a plugin.</summary>
    public static bool IsCalled(Func<string, string?> environment)
    {
        ArgumentNullException.ThrowIfNull(environment);
        return !string.IsNullOrEmpty(environment(CniCall.CommandVariable));
    }

    /// <summary>Does one command: writes its result, or its error, and returns the exit code.</summary>
    /// <param name="environment">The environment variables.</param>
    /// <param name="input">Standard input: the configuration.</param>
    /// <param name="output">Standard output.</param>
    /// <param name="notes">Standard error, for whoever reads the runtime's log.</param>
    public static int Run(Func<string, string?> environment, Stream input, Stream output, TextWriter notes)
    {
        ArgumentNullException.ThrowIfNull(environment);
        ArgumentNullException.ThrowIfNull(notes);
        string version = CniConfiguration.Versions[^1];
        try
        {
            var call = new CniCall(environment);
            using JsonDocument? configuration = Read(input);
            version = VersionOf(configuration) ?? version;
            Do(call, configuration, version, output, notes);
            return 0;
        }
        catch (CniException failure)
        {
            Write(output, error =>
            {
                error.WriteString("cniVersion", version);
                error.WriteNumber("code", (int)failure.Code);
                error.WriteString("msg", $"ztunnel: {failure.Message}");
                if (failure.Details is { } details)
                    error.WriteString("details", details);
            });
            return 1;
        }
    }

    private static void Do(CniCall call, JsonDocument? configuration, string version, Stream output, TextWriter notes)
    {
        switch (call.Command)
        {
            case "VERSION":
                Write(output, versions =>
                {
                    versions.WriteString("cniVersion", version);
                    versions.WriteStartArray("supportedVersions");
                    foreach (string each in CniConfiguration.Versions)
                        versions.WriteStringValue(each);
                    versions.WriteEndArray();
                });
                break;
            case "ADD":
                Add(call, Configuration(call, configuration), output, notes);
                break;
            case "CHECK":
                Check(call, Configuration(call, configuration));
                break;
            case "DEL":
                Delete(call, configuration, notes);
                break;
            case "STATUS":
                // The agent is not asked: that it is away costs pods that are to be captured their start, not the node its readiness.
                _ = Configuration(call, configuration);
                break;
            case "GC":
                // The agent lets go of sandboxes that are gone by itself, and nothing of ours outlives one.
                break;
            default:
                throw new CniException(CniError.InvalidEnvironment, $"CNI_COMMAND is {call.Command}, which is no command");
        }
    }

    private static void Add(CniCall call, CniConfiguration configuration, Stream output, TextWriter notes)
    {
        call.RequireSandbox();
        JsonElement previous = configuration.Previous ?? throw new CniException(
            CniError.InvalidConfiguration, "there is no prevResult: ztunnel is to stand behind the plugin that makes the pod's network");
        if (RequestFor(call, configuration, PluginCommand.Add) is { } request)
        {
            ImmutableArray<IPAddress> addresses = CniConfiguration.AddressesIn(previous);
            if (addresses.IsEmpty)
                throw new CniException(CniError.NotCaptured, "prevResult gives the pod no address");
            try
            {
                Require(Ask(call, configuration, request with { Addresses = [.. addresses.Select(address => address.ToString())] }, AddPatience));
            }
            catch (CniException failure) when (call.PodNamespace == configuration.SystemNamespace)
            {
                notes.WriteLine($"ztunnel: pod {call.PodNamespace}/{call.PodName} is not captured, and starts as it may be part of the mesh: {failure.Message}");
            }
        }

        using var result = new Utf8JsonWriter(output);
        result.WriteRawValue(previous.GetRawText());
    }

    private static void Check(CniCall call, CniConfiguration configuration)
    {
        call.RequireSandbox();
        if (configuration.Version is "0.3.0" or "0.3.1")
            throw new CniException(CniError.IncompatibleVersion, $"CHECK is not part of CNI {configuration.Version}");
        if (configuration.Previous is null)
            throw new CniException(CniError.InvalidConfiguration, "there is no prevResult to check by");
        if (RequestFor(call, configuration, PluginCommand.Check) is { } request)
            Require(Ask(call, configuration, request, AddPatience));
    }

    /// <summary>Whatever is wrong, a sandbox that goes is not held up.</summary>
    private static void Delete(CniCall call, JsonDocument? configuration, TextWriter notes)
    {
        try
        {
            CniConfiguration read = Configuration(call, configuration);
            if (call.KnownNetworkNamespace is not null && RequestFor(call, read, PluginCommand.Delete) is { } request)
                _ = Ask(call, read, request, DeletePatience);
        }
        catch (CniException failure)
        {
            notes.WriteLine($"ztunnel: {failure.Message}");
        }
    }

    /// <summary>What to ask of the agent; null when the sandbox is none of the mesh's business.</summary>
    private static PluginRequest? RequestFor(CniCall call, CniConfiguration configuration, PluginCommand command) =>
        call is not { PodNamespace: { Length: > 0 } @namespace, PodName: { Length: > 0 } name } || IsExcluded(call, configuration)
            ? null
            : new PluginRequest { Command = command, Namespace = @namespace, Name = name, Uid = call.PodUid };

    private static PluginAnswer Ask(CniCall call, CniConfiguration configuration, PluginRequest request, TimeSpan patience)
    {
        try
        {
            using NetworkNamespace ns = NetworkNamespace.Open(call.NetworkNamespace);
            using DescriptorSocket agent = DescriptorSocket.Connect(PluginDoor.PathIn(configuration.RunDirectory), patience)
                ?? throw new CniException(
                    CniError.TryAgainLater, "the agent of this node is not there: no pod starts that it might have to capture", PluginDoor.PathIn(configuration.RunDirectory));
            agent.Send(JsonSerializer.SerializeToUtf8Bytes(request, PluginJson.Default.PluginRequest), ns.Descriptor);
            byte[] answer = agent.Receive(out _);
            return answer.Length == 0
                ? throw new CniException(CniError.TryAgainLater, "the agent of this node stopped before it answered")
                : JsonSerializer.Deserialize(answer, PluginJson.Default.PluginAnswer)!;
        }
        catch (NetworkNamespaceException failure)
        {
            throw new CniException(CniError.InputOutput, failure.Message);
        }
        catch (Exception failure) when (failure is IOException or JsonException)
        {
            throw new CniException(CniError.TryAgainLater, $"the agent of this node does not answer: {failure.Message}");
        }
    }

    private static void Require(PluginAnswer answer)
    {
        if (answer.Outcome is PluginOutcome.Refused)
            throw new CniException(CniError.NotCaptured, $"the pod cannot be captured: {answer.Reason}");
        if (answer.Outcome is PluginOutcome.Later)
            throw new CniException(CniError.TryAgainLater, answer.Reason ?? "the agent of this node cannot say yet");
    }

    private static bool IsExcluded(CniCall call, CniConfiguration configuration) =>
        call.PodNamespace is { Length: > 0 } @namespace && configuration.ExcludedNamespaces.Contains(@namespace, StringComparer.Ordinal);

    /// <summary>The configuration, of a version that we know, unless the pod's start is not to depend on us at all.</summary>
    private static CniConfiguration Configuration(CniCall call, JsonDocument? input)
    {
        CniConfiguration read = CniConfiguration.Read(
            (input ?? throw new CniException(CniError.CannotDecode, "the network configuration is not JSON")).RootElement);
        if (!IsExcluded(call, read))
            read.RequireVersion();
        return read;
    }

    private static string? VersionOf(JsonDocument? input) =>
        input?.RootElement is { ValueKind: JsonValueKind.Object } root && root.TryGetProperty("cniVersion", out JsonElement version)
        && version.ValueKind == JsonValueKind.String ? version.GetString() : null;

    private static JsonDocument? Read(Stream input)
    {
        try
        {
            return JsonDocument.Parse(input);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static void Write(Stream output, Action<Utf8JsonWriter> members)
    {
        using var writer = new Utf8JsonWriter(output);
        writer.WriteStartObject();
        members(writer);
        writer.WriteEndObject();
    }
}
