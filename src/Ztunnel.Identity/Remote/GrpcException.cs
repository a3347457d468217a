namespace Ztunnel.Identity;

/// <summary>A gRPC call that did not end well: thrown by the client when it is told so, and by a server to say so.</summary>
/// <param name="status">Anything but <see cref="GrpcStatus.Ok"/>.</param>
/// <param name="detail">One line, which the other side gets to read.</param>
internal sealed class GrpcException(GrpcStatus status, string detail) : Exception($"{status}: {detail}")
{
    public GrpcStatus Status { get; } = status;

    public string Detail { get; } = detail;
}
