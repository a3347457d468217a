using System.Collections.Immutable;

namespace Ztunnel.Testing;

/// <summary>A command to be run in a container, as <c>kubectl exec</c> asks for it.</summary>
/// <param name="Namespace">The pod's namespace.</param>
/// <param name="Pod">The pod.</param>
/// <param name="Command">The program and its arguments.</param>
public sealed record PodCommand(string Namespace, string Pod, ImmutableArray<string> Command);

/// <summary>What came of a <see cref="PodCommand"/>.</summary>
public sealed record PodCommandResult(int ExitCode, string Output, string Error);
