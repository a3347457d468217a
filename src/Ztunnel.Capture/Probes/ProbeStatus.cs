namespace Ztunnel.Capture;

/// <summary>Whether the node's own connections get to a pod past its capture, as tried after the pod was enrolled.</summary>
/// <param name="Works">Whether they do; null while that is being tried.</param>
/// <param name="Detail">What was seen, for a person.</param>
/// <param name="At">When.</param>
public sealed record ProbeStatus(bool? Works, string Detail, DateTimeOffset At);
