using System.Collections.Immutable;

namespace Ztunnel.Lab;

/// <summary>A program to run on a node or in a pod.</summary>
/// <param name="File">The program, looked up in PATH.</param>
/// <param name="Arguments">Its arguments, not interpreted by any shell.</param>
public sealed record LabCommand(string File, params ImmutableArray<string> Arguments)
{
    /// <summary>What it reads on standard input; nothing when null.</summary>
    public string? Input { get; init; }

    /// <summary>How long <see cref="LabHost.Exec(LabCommand, CancellationToken)"/> lets it run.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Environment variables set on top of ours.</summary>
    public ImmutableDictionary<string, string> Environment { get; init; } = ImmutableDictionary<string, string>.Empty;

    /// <summary>The directory it starts in; ours when null.</summary>
    public string? WorkingDirectory { get; init; }

    /// <summary>The command line, for messages.</summary>
    public override string ToString() => string.Join(' ', Arguments.Prepend(File));
}
