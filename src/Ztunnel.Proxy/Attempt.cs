using System.Runtime.InteropServices;
using Ztunnel.IO;

namespace Ztunnel.Proxy;

/// <summary>What became of an attempt to take a route: a channel to the server, or why there is none. No byte of the client has left yet.</summary>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct Attempt
{
    private Attempt(Channel? server, ChannelFailure? failure, bool refusedByPolicy)
    {
        Server = server;
        Failure = failure;
        RefusedByPolicy = refusedByPolicy;
    }

    /// <summary>Towards the server, the caller's to dispose.</summary>
    public Channel? Server { get; }

    /// <summary>Why there is no <see cref="Server"/>.</summary>
    public ChannelFailure? Failure { get; }

    /// <summary>Whether the destination was reached and would not have this client.</summary>
    public bool RefusedByPolicy { get; }

    /// <summary>Whether it is the endpoint that failed: it cannot be connected to, or is not who it should be.</summary>
    public bool EndpointFailed => Failure is { Kind: not (FailureKind.Local or FailureKind.Closed) } && !RefusedByPolicy;

    /// <summary>Whether another endpoint may do better. What we could not do here we cannot do there either.</summary>
    public bool AnotherMayDo => Failure is { Kind: not FailureKind.Local } && !RefusedByPolicy;

    public static Attempt Opened(Channel server) => new(server, null, refusedByPolicy: false);

    public static Attempt Failed(ChannelFailure failure) => new(null, failure, refusedByPolicy: false);

    public static Attempt Refused(string reason) => new(null, new ChannelFailure(FailureKind.Refused, reason), refusedByPolicy: true);
}
