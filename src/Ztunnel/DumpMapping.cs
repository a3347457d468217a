using Ztunnel.Diagnostics;
using Ztunnel.Gateway;
using Ztunnel.Identity;
using Ztunnel.Telemetry;

namespace Ztunnel;

/// <summary>Puts what the parts know of themselves into the words of <c>/config_dump</c>.</summary>
internal static class DumpMapping
{
    public static CertificateDump ToDump(CertificateStatus status) => new()
    {
        Identity = status.Identity.ToString(),
        State = status is { State: CertificateState.Unavailable, LastError: { } error } ? $"Unavailable: {error}" : status.State.ToString(),
        CertChain = [.. status.Chain.Select(certificate => CertificateDetail.FromDer(certificate.Der.Span))],
        RootCerts = [.. status.Roots.Select(certificate => CertificateDetail.FromDer(certificate.Der.Span))],
        RenewAt = status.NextAttempt,
        LastError = status.LastError,
    };

    public static UpstreamDump ToDump(TrafficSnapshot traffic) => new()
    {
        Service = traffic.Service.ToString(),
        Port = traffic.Port,
        Requests = traffic.Requests,
        Connections = traffic.Connections,
        Pending = traffic.Pending,
        Retries = traffic.Retries,
        Overflowed = traffic.Overflowed,
        RetriesOverflowed = traffic.RetriesOverflowed,
        Ejections = traffic.Ejections,
        LeftOut = traffic.LeftOut.Count == 0
            ? null
            : [.. traffic.LeftOut.Select(endpoint => new LeftOutDump(endpoint.Address.ToString(), (int)endpoint.Left.TotalSeconds, endpoint.Times))],
        TlsFailure = traffic.TlsFailure,
    };

    public static AuthorityDump ToDump(ICertificateAuthority authority)
    {
        AuthorityStatus status = authority.Status;
        return new AuthorityDump
        {
            Roots = [.. authority.Trust.Current.Certificates.Select(certificate => CertificateDetail.FromDer(certificate.Der.Span))],
            SignsUntil = status.SignsUntil,
            Fault = status.Fault,
            TrustFault = authority.Trust.Fault,
        };
    }

    public static PoolDump ToDump(TunnelSnapshot tunnel) => new()
    {
        Worker = tunnel.Worker,
        Source = tunnel.Source.ToString(),
        NextHop = tunnel.NextHop.ToString(),
        Expected = [tunnel.Destination.ToString()],
        Connections = tunnel.Connections,
        Streams = tunnel.Tunnels,
        LastError = tunnel.LastFailure,
    };
}
