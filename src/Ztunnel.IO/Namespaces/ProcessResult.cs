namespace Ztunnel.IO;

/// <summary>How a program run inside a network namespace ended.</summary>
/// <param name="ExitCode">Its exit code; 0 is success.</param>
/// <param name="Output">All it wrote to standard output.</param>
/// <param name="Error">All it wrote to standard error.</param>
public sealed record ProcessResult(int ExitCode, string Output, string Error);
