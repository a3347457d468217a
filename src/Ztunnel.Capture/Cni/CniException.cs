namespace Ztunnel.Capture;

/// <summary>A CNI command failed in a way that the runtime is told (CNI specification 1.1, section 5 "Error").</summary>
internal sealed class CniException(CniError code, string message, string? details = null) : Exception(message)
{
    /// <summary>The code.</summary>
    public CniError Code { get; } = code;

    /// <summary>What else there is to say.</summary>
    public string? Details { get; } = details;
}

/// <summary>The codes of CNI's errors that we use; those from 100 on are a plugin's own.</summary>
internal enum CniError
{
    /// <summary>The configuration is of a version that we do not know.</summary>
    IncompatibleVersion = 1,

    /// <summary>An environment variable is missing or makes no sense.</summary>
    InvalidEnvironment = 4,

    /// <summary>Something cannot be read or written.</summary>
    InputOutput = 5,

    /// <summary>Standard input is not what it should be.</summary>
    CannotDecode = 6,

    /// <summary>The configuration cannot work.</summary>
    InvalidConfiguration = 7,

    /// <summary>The runtime is to try again later: the agent is not there, or does not know the pod yet.</summary>
    TryAgainLater = 11,

    /// <summary>The pod could not be captured.</summary>
    NotCaptured = 100,
}
