using Ztunnel.Mesh;

namespace Ztunnel.Resources;

/// <summary>A listener as it was judged, without its routes.</summary>
internal sealed record ListenerState
{
    public required GatewayListener Listener { get; init; }

    /// <summary>The kinds of routes that may attach.</summary>
    public ValueArray<AllowedKind> Kinds { get; init; } = [];

    /// <summary>Why it is not accepted; null when it is.</summary>
    public (string Reason, string Message)? Refusal { get; init; }

    /// <summary>Whether the refusal is a conflict with another listener.</summary>
    public bool Conflicted { get; init; }

    /// <summary>A listener on the same port with a host in common, so that a client may reach one over a connection made for the other; null for none.</summary>
    public string? OverlapsWith { get; init; }

    /// <summary>What it refers to and does not work; null when all does.</summary>
    public (string Reason, string Message)? Unresolved { get; init; }

    /// <summary>What it shows clients.</summary>
    public ValueArray<ListenerCertificate> Certificates { get; init; } = [];

    /// <summary>The hosts it is for; where no names are spoken all.</summary>
    public HostnamePattern Hostname => IsTcp ? default : HostnamePattern.Of(Listener.Hostname);

    /// <summary>Whether it takes connections as they are.</summary>
    public bool IsTcp => Is(ListenerRules.Tcp);

    /// <summary>Whether it relays connections by their server name.</summary>
    public bool IsTls => Is(ListenerRules.Tls);

    /// <summary>Whether TLS is spoken to it.</summary>
    public bool Encrypted => IsTls || Is(ListenerRules.Https);

    /// <summary>Whether TLS goes through it.</summary>
    public bool Passthrough => Encrypted && Listener.Tls is { Passthrough: true };

    /// <summary>Whether it can be served.</summary>
    public bool Programmed => Refusal is null && (!Encrypted || Passthrough || Certificates.Count > 0);

    /// <summary>Its status with so many routes attached.</summary>
    public ListenerStatus Status(int attachedRoutes)
    {
        string? conflict = Conflicted ? Refusal!.Value.Reason : null;
        return new ListenerStatus
        {
            Name = Listener.Name,
            SupportedKinds = Kinds,
            AttachedRoutes = attachedRoutes,
            Conditions =
            [
                Refusal is { } refused
                    ? new StatusCondition("Accepted", false, refused.Reason, refused.Message)
                    : new StatusCondition("Accepted", true, "Accepted", NoErrors),
                Programmed
                    ? new StatusCondition("Programmed", true, "Programmed", NoErrors)
                    : new StatusCondition("Programmed", false, conflict ?? "Invalid", (Refusal ?? Unresolved)?.Message ?? ""),
                Unresolved is { } missing
                    ? new StatusCondition("ResolvedRefs", false, missing.Reason, missing.Message)
                    : new StatusCondition("ResolvedRefs", true, "ResolvedRefs", NoErrors),
                new StatusCondition("Conflicted", Conflicted, conflict ?? "NoConflicts", Conflicted ? Refusal!.Value.Message : NoErrors),
                .. OverlapsWith is null
                    ? Array.Empty<StatusCondition>()
                    : [new StatusCondition("OverlappingTLSConfig", true, "OverlappingHostnames", $"listener {OverlapsWith} is for some of the same hosts")],
            ],
        };
    }

    private bool Is(string protocol) => string.Equals(Listener.Protocol, protocol, StringComparison.Ordinal);

    private const string NoErrors = "No errors found";
}
