namespace Ztunnel.IO;

/// <summary>Why a network namespace cannot be used.</summary>
public enum NetworkNamespaceFailure
{
    /// <summary>Nothing is at the path.</summary>
    Absent,

    /// <summary>Something is at the path, but not a network namespace.</summary>
    NotANetworkNamespace,

    /// <summary>We may not open or enter it (CAP_SYS_ADMIN is needed to enter).</summary>
    Denied,

    /// <summary>Another error of the system.</summary>
    System,
}

/// <summary>A network namespace could not be opened, made or entered; the message names the path and the system's reason.</summary>
public sealed class NetworkNamespaceException(NetworkNamespaceFailure failure, string message) : IOException(message)
{
    /// <summary>The class of failure.</summary>
    public NetworkNamespaceFailure Failure { get; } = failure;
}
