namespace Ztunnel.Lab;

/// <summary>The lab could not be built or did not get into the state asked for; the message names the node, pod or command.</summary>
public sealed class LabException(string message, Exception? inner = null) : Exception(message, inner);
