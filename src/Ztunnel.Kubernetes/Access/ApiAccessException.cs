namespace Ztunnel.Kubernetes;

/// <summary>Where the API server is, or how to prove who we are, cannot be told. The message names the file and the field.</summary>
public sealed class ApiAccessException(string message, Exception? inner = null) : IOException(message, inner);
