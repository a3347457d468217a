namespace Ztunnel.Identity;

/// <summary>How a gRPC call ended (gRPC status codes, "Status codes and their use in gRPC"): the number in <c>grpc-status</c>.</summary>
internal enum GrpcStatus
{
    /// <summary>Well.</summary>
    Ok = 0,

    /// <summary>The caller gave up.</summary>
    Cancelled = 1,

    /// <summary>For an unknown reason.</summary>
    Unknown = 2,

    /// <summary>The request makes no sense, whatever the state of the server.</summary>
    InvalidArgument = 3,

    /// <summary>Not within the caller's deadline.</summary>
    DeadlineExceeded = 4,

    /// <summary>What was asked about is not there.</summary>
    NotFound = 5,

    /// <summary>What was to be made is there.</summary>
    AlreadyExists = 6,

    /// <summary>The caller is known and may not.</summary>
    PermissionDenied = 7,

    /// <summary>Too much was asked for.</summary>
    ResourceExhausted = 8,

    /// <summary>The server is not in a state to do it.</summary>
    FailedPrecondition = 9,

    /// <summary>A conflict.</summary>
    Aborted = 10,

    /// <summary>Beyond the range.</summary>
    OutOfRange = 11,

    /// <summary>The server does not know the method or an option of it.</summary>
    Unimplemented = 12,

    /// <summary>Something is broken.</summary>
    Internal = 13,

    /// <summary>Not now; worth trying again.</summary>
    Unavailable = 14,

    /// <summary>Data is lost.</summary>
    DataLoss = 15,

    /// <summary>The caller did not say, or not believably, who it is.</summary>
    Unauthenticated = 16,
}
