using System.CommandLine;

namespace Ztunnel;

/// <summary>The flags that fit an agent to whoever starts it and asks how it is.</summary>
internal sealed class SupervisionFlags
{
    private readonly Option<string?> _readyFile = new("--ready-file")
    {
        Description = "File that is made once this agent serves and taken away when it stops: a probe that no other agent of the node can answer.",
    };

    private readonly Option<bool> _wait = new("--wait-when-succeeded")
    {
        Description = "Stay until told to stop when another agent has taken over. A supervisor that starts again whatever ends, "
            + "such as a DaemonSet, would take the node back otherwise.",
    };

    /// <summary>Gives a command these flags.</summary>
    public void AddTo(Command command)
    {
        command.Add(_readyFile);
        command.Add(_wait);
    }

    /// <summary>What they were set to.</summary>
    public Supervision Read(ParseResult parsed) => new(parsed.GetValue(_readyFile), parsed.GetValue(_wait));
}

/// <summary>How an agent fits to its supervisor.</summary>
/// <param name="ReadyFile">The file that is there while it serves; null for none.</param>
/// <param name="WaitWhenSucceeded">Whether it stays when another has taken over.</param>
internal sealed record Supervision(string? ReadyFile, bool WaitWhenSucceeded);
