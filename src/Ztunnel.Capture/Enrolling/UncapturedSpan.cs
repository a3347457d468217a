namespace Ztunnel.Capture;

/// <summary>The time in which a pod of the mesh ran without being captured: it started without the CNI plugin, and no rules were in it.</summary>
/// <param name="Since">When the first process started in its network namespace, by the node's clock.</param>
/// <param name="Until">When it was captured.</param>
public sealed record UncapturedSpan(DateTimeOffset Since, DateTimeOffset Until);
