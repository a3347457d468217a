using System.Net;
using System.Net.Sockets;

namespace Ztunnel.Diagnostics;

/// <summary>Where a <see cref="DiagnosticsServer"/> listens.</summary>
public sealed record DiagnosticsOptions
{
    /// <summary>Istio's admin port.</summary>
    public const int AdminPort = 15000;

    /// <summary>Istio's readiness port.</summary>
    public const int ReadinessPort = 15021;

    /// <summary>The readiness port on all addresses of the node, of both families where it has IPv6.</summary>
    public static IPEndPoint DefaultReadiness { get; } = new(Socket.OSSupportsIPv6 ? IPAddress.IPv6Any : IPAddress.Any, ReadinessPort);

    /// <summary>Where the admin pages are; loopback only, as they are not protected by anything else. Throws on another address when the server is made.</summary>
    public IReadOnlyList<IPEndPoint> Admin { get; init; } = [new(IPAddress.Loopback, AdminPort)];

    /// <summary>Where the readiness probe is answered; all addresses of the node by default, as the kubelet asks there.</summary>
    public IReadOnlyList<IPEndPoint> Readiness { get; init; } = [DefaultReadiness];

    /// <summary>
    /// Completes once what does the work has come round: <c>/healthz/live</c> waits for it, so that a process that hangs is
    /// replaced.
    /// </summary>
    public Func<Task> Turn { get; init; } = static () => Task.CompletedTask;

    /// <summary>How long <c>/healthz/live</c> waits for <see cref="Turn"/>.</summary>
    public TimeSpan TurnPatience { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// Makes the bound (not yet listening) socket for an address: given when the node lives in another network namespace
    /// than the process. Null binds in the process's own.
    /// </summary>
    public Func<EndPoint, Socket>? Bind { get; init; }
}
