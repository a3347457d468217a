using Ztunnel.Mesh;

namespace Ztunnel.Proxy;

/// <summary>Why a connection is not let into a pod.</summary>
/// <param name="Reason">The named reason.</param>
/// <param name="Status">The status that answers a tunnel request.</param>
/// <param name="Detail">The reason for a person, naming the objects concerned.</param>
internal sealed record InboundRefusal(DenyReason Reason, int Status, string Detail)
{
    /// <summary>The status of what policy refuses.</summary>
    public const int Forbidden = 403;

    /// <summary>What the log says of a connection that was not let in.</summary>
    public string Rejection => $"{Reason}: connection closed due to policy rejection: {Detail}";

    /// <summary>What the log says of a connection that was let in once and would not be now.</summary>
    public string LateRejection => $"{Reason}: connection closed due to policy change: {Detail}";
}
