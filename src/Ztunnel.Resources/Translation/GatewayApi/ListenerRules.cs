using System.Collections.Immutable;
using Ztunnel.Mesh;

namespace Ztunnel.Resources;

/// <summary>Judges the listeners of a Gateway: what they speak, what may attach, what they refer to, whether they are distinct.</summary>
internal sealed class ListenerRules(Certificates certificates, ReferenceGrants grants)
{
    public const string Http = "HTTP";
    public const string Https = "HTTPS";
    public const string Tls = "TLS";
    public const string Tcp = "TCP";

    private const string Secret = "Secret";
    private const string InvalidCertificateRef = "InvalidCertificateRef";
    private const string UnsupportedProtocol = "UnsupportedProtocol";

    private static readonly Dictionary<string, AllowedKind[]> KindsOf = new(StringComparer.Ordinal)
    {
        [Http] = [Kind(ObjectKind.HttpRoute), Kind(ObjectKind.GrpcRoute)],
        [Https] = [Kind(ObjectKind.HttpRoute), Kind(ObjectKind.GrpcRoute)],
        [Tls] = [Kind(ObjectKind.TlsRoute)],
        [Tcp] = [Kind(ObjectKind.TcpRoute)],
    };

    public ImmutableArray<ListenerState> Judge(GatewayObject gateway, GatewayRole role)
    {
        ListenerState[] states = [.. gateway.Listeners.Select(listener => role == GatewayRole.Waypoint ? JudgeWaypoint(listener) : Judge(gateway, listener))];
        foreach (IGrouping<ushort, ListenerState> port in states.Where(state => state.Refusal is null).GroupBy(state => state.Listener.Port).ToArray())
            FindConflicts(states, [.. port]);
        return [.. states.Select(state => state.Encrypted ? state with { OverlapsWith = OverlapOf(state, states) } : state)];
    }

    private static string? OverlapOf(ListenerState state, ListenerState[] all) => Array.Find(all, other =>
        other.Encrypted
        && other.Listener.Port == state.Listener.Port
        && !string.Equals(other.Listener.Name, state.Listener.Name, StringComparison.Ordinal)
        && other.Hostname.Intersect(state.Hostname) is not null)?.Listener.Name;

    private static ListenerState JudgeWaypoint(GatewayListener listener) => new()
    {
        Listener = listener,
        Refusal = GatewayControllers.IsHbone(listener) && listener.Port == CaptureContract.HbonePort
            ? null
            : (UnsupportedProtocol, $"a waypoint has one listener, on port {CaptureContract.HbonePort} with protocol {GatewayControllers.HboneProtocol}"),
    };

    private ListenerState Judge(GatewayObject gateway, GatewayListener listener)
    {
        if (!KindsOf.TryGetValue(listener.Protocol, out AllowedKind[]? possible))
        {
            return new ListenerState
            {
                Listener = listener,
                Refusal = (UnsupportedProtocol, $"protocol {YamlScalar.Show(listener.Protocol)} is not supported; {string.Join(", ", KindsOf.Keys)} are"),
                Unresolved = KindFault(listener, []),
            };
        }

        AllowedKind[] kinds = listener.AllowedKinds.Count == 0 ? possible : [.. listener.AllowedKinds.Where(possible.Contains)];
        var state = new ListenerState { Listener = listener, Kinds = [.. kinds], Unresolved = KindFault(listener, kinds) };
        return !state.Encrypted || (state.IsTls && state.Passthrough) ? state : WithCertificates(gateway, state);
    }

    private static AllowedKind Kind(ObjectKind kind) => new(ObjectKind.GatewayApiGroup, kind.Name);

    private static (string Reason, string Message)? KindFault(GatewayListener listener, AllowedKind[] kinds) =>
        listener.AllowedKinds.FirstOrDefault(kind => !kinds.Contains(kind)) is { } other
            ? ("InvalidRouteKinds", $"routes of kind {other.Group}/{other.Kind} cannot attach to a listener of protocol {listener.Protocol}")
            : null;

    private ListenerState WithCertificates(GatewayObject gateway, ListenerState state)
    {
        if (state.Passthrough)
            return state with { Refusal = ("UnsupportedValue", $"tls.mode Passthrough does not go with protocol {Https}") };
        (ListenerCertificate? Certificate, (string Reason, string Message)? Fault)[] found =
            [.. (state.Listener.Tls?.Certificates ?? []).Select(reference => Find(gateway, reference))];
        (string, string)? fault = found.Length == 0
            ? (InvalidCertificateRef, "tls.certificateRefs names no certificate")
            : found.Select(certificate => certificate.Fault).FirstOrDefault(problem => problem is not null);
        return state with
        {
            Certificates = [.. found.Select(certificate => certificate.Certificate).OfType<ListenerCertificate>().Distinct()],
            Unresolved = fault ?? state.Unresolved,
        };
    }

    private (ListenerCertificate? Certificate, (string Reason, string Message)? Fault) Find(GatewayObject gateway, CertificateReference reference)
    {
        if (reference.Group.Length > 0 || !string.Equals(reference.Kind, Secret, StringComparison.Ordinal))
            return (null, (InvalidCertificateRef, $"certificates of kind {(reference.Group.Length == 0 ? "" : $"{reference.Group}/")}{reference.Kind} are not known ({reference.Name})"));
        string @namespace = reference.Namespace ?? gateway.Metadata.Namespace;
        if (!grants.Permit(gateway.Key, Secret, @namespace, reference.Name))
            return (null, ("RefNotPermitted", $"no ReferenceGrant in namespace {@namespace} lets {gateway.Key} refer to Secret {@namespace}/{reference.Name}"));
        (ListenerCertificate? certificate, string? fault) = certificates.Find(@namespace, reference.Name);
        return (certificate, fault is null ? null : (InvalidCertificateRef, fault));
    }

    /// <summary>Of listeners that cannot be told apart none may be picked: each of them is refused.</summary>
    private static void FindConflicts(ListenerState[] states, ListenerState[] onPort)
    {
        // What speaks TLS is told apart by the server name.
        if (onPort.DistinctBy(state => (state.Encrypted, state.IsTcp)).Count() > 1)
        {
            Refuse(states, onPort, "ProtocolConflict", $"port {onPort[0].Listener.Port} is given to several protocols");
            return;
        }

        foreach (IGrouping<HostnamePattern, ListenerState> same in onPort.GroupBy(state => state.Hostname).Where(group => group.Count() > 1))
            Refuse(states, [.. same], "HostnameConflict", $"several listeners are for host {same.Key} on port {onPort[0].Listener.Port}");
    }

    private static void Refuse(ListenerState[] states, ListenerState[] conflicting, string reason, string message)
    {
        foreach (ListenerState state in conflicting)
            states[Array.IndexOf(states, state)] = state with { Refusal = (reason, message), Conflicted = true };
    }
}
