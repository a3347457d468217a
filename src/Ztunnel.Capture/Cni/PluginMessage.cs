using System.Text.Json.Serialization;

namespace Ztunnel.Capture;

/// <summary>What the plugin asks the agent: one message, with the descriptor of the sandbox's network namespace where there is one.</summary>
internal sealed record PluginRequest
{
    /// <summary>What is asked.</summary>
    public required PluginCommand Command { get; init; }

    /// <summary>The pod's namespace.</summary>
    public required string Namespace { get; init; }

    /// <summary>The pod's name.</summary>
    public required string Name { get; init; }

    /// <summary>The pod's uid, where the runtime said it.</summary>
    public string? Uid { get; init; }

    /// <summary>With <see cref="PluginCommand.Add"/>: the addresses the pod has got.</summary>
    public IReadOnlyList<string> Addresses { get; init; } = [];
}

/// <summary>What is asked of the agent.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<PluginCommand>))]
internal enum PluginCommand
{
    /// <summary>To enrol the pod, if it is to be in the mesh.</summary>
    Add,

    /// <summary>Whether the pod is as it should be.</summary>
    Check,

    /// <summary>To let go of the sandbox.</summary>
    Delete,
}

/// <summary>What the agent answers.</summary>
internal sealed record PluginAnswer
{
    /// <summary>What came of it.</summary>
    public required PluginOutcome Outcome { get; init; }

    /// <summary>With <see cref="PluginOutcome.Refused"/> and <see cref="PluginOutcome.Later"/>: why.</summary>
    public string? Reason { get; init; }
}

/// <summary>What came of a request.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<PluginOutcome>))]
internal enum PluginOutcome
{
    /// <summary>The pod is captured, or what was asked for is done.</summary>
    Done,

    /// <summary>The pod is not to be in the mesh.</summary>
    NotInMesh,

    /// <summary>The pod is to be in the mesh and is not.</summary>
    Refused,

    /// <summary>It cannot be said yet.</summary>
    Later,
}

/// <summary>How they are written.</summary>
[JsonSerializable(typeof(PluginRequest))]
[JsonSerializable(typeof(PluginAnswer))]
internal sealed partial class PluginJson : JsonSerializerContext;
