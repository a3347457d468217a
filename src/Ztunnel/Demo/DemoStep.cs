namespace Ztunnel;

/// <summary>One thing the demo shows.</summary>
/// <param name="Title">What is done, in a line.</param>
/// <param name="Proves">What it proves, in a line.</param>
/// <param name="Run">Does it; throws <see cref="DemoFailure"/> when what was to be seen was not. Returns what was seen.</param>
internal sealed record DemoStep(string Title, string Proves, Func<CancellationToken, Task<IReadOnlyList<string>>> Run);

/// <summary>What the demo was to show did not show.</summary>
internal sealed class DemoFailure(string message) : Exception(message);
