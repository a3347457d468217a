using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Ztunnel.Identity;
using Ztunnel.Mesh;

namespace Ztunnel.EndToEnd.Tests;

/// <summary>Who is refused: servers that are not who the destination should be, and clients of port 15008 without a right to it.</summary>
[Collection(nameof(DataPathLab))]
public sealed class TrustTests(DataPathLab lab)
{
    private const string ClientIdentity = "spiffe://cluster.local/ns/default/sa/client";
    private const string ServerIdentity = "spiffe://cluster.local/ns/default/sa/server";
    private const string ImpostorsDestination = "spiffe://cluster.local/ns/default/sa/impostor";
    private const int SomePort = 4711;

    [Fact]
    public async Task A_destination_with_another_workloads_identity_is_refused_and_gets_nothing()
    {
        using X509Certificate2 certificate = await Certificates.Issue(lab.Mesh.Authority, ServerIdentity);

        FailedConnection failed = await MeetImpostor(certificate, lab.Impostor.IPv4);

        Assert.Equal(SocketError.ConnectionReset, failed.Error);
        string line = await lab.Mesh.AccessLine($"src.addr={failed.Client}");
        Assert.Contains($"{PeerRefusal.UnexpectedIdentity}: expected {ImpostorsDestination}, presented {ServerIdentity}", line, StringComparison.Ordinal);
        Assert.DoesNotContain("dst.identity", line, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_destination_whose_certificate_another_authority_signed_is_refused_and_gets_nothing()
    {
        using var foreign = BuiltInCertificateAuthority.CreateInMemory("cluster.local");
        using X509Certificate2 certificate = await Certificates.Issue(foreign, ImpostorsDestination);

        FailedConnection failed = await MeetImpostor(certificate, lab.Impostor.IPv6);

        Assert.Equal(SocketError.ConnectionReset, failed.Error);
        Assert.Contains($"{PeerRefusal.UntrustedChain}: ", await lab.Mesh.AccessLine($"src.addr={failed.Client}"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_client_without_a_certificate_is_refused_at_port_15008()
    {
        await Refused(certificate: null);

        await lab.Mesh.Line("connection failed", $"src.addr={lab.Stranger.IPv4}:", "src.workload=\"stranger\"", "the peer presented no certificate");
    }

    [Fact]
    public async Task A_client_whose_certificate_another_authority_signed_is_refused_at_port_15008()
    {
        using var foreign = BuiltInCertificateAuthority.CreateInMemory("cluster.local");
        using X509Certificate2 certificate = await Certificates.Issue(foreign, ClientIdentity);

        await Refused(certificate);

        await lab.Mesh.Line("connection failed", $"src.addr={lab.Stranger.IPv4}:", $"{PeerRefusal.UntrustedChain}: ", ClientIdentity);
    }

    [Fact]
    public async Task A_client_of_another_trust_domain_is_refused_at_port_15008()
    {
        using X509Certificate2 certificate = await Certificates.Issue(lab.Mesh.Authority, "spiffe://elsewhere.example/ns/default/sa/client");

        await Refused(certificate);

        await lab.Mesh.Line("connection failed", $"{PeerRefusal.ForeignTrustDomain}: ");
    }

    [Fact]
    public async Task A_peer_with_a_good_certificate_gets_a_tunnel_to_the_pod()
    {
        using PodListener listener = PodListener.Start(lab.Server);
        using X509Certificate2 certificate = await Certificates.Issue(lab.Mesh.Authority, ClientIdentity);
        await using TunnelPeer peer = await TunnelPeer.Connect(lab.Stranger, lab.Server.IPv4, certificate);

        Assert.Equal(200, await peer.Open($"{lab.Server.IPv4}:{listener.Port}"));
        using Socket server = await listener.Accept();
        await peer.Send("ping");
        Assert.Equal("ping", await server.ReceiveText("ping"));
        await server.SendText("pong");
        Assert.Equal("pong", await peer.Receive());
    }

    [Fact]
    public async Task A_tunnel_to_anything_but_the_pods_applications_is_refused()
    {
        using X509Certificate2 certificate = await Certificates.Issue(lab.Mesh.Authority, ClientIdentity);
        await using TunnelPeer peer = await TunnelPeer.Connect(lab.Stranger, lab.Server.IPv4, certificate);
        string[] refused =
        [
            $"{lab.Unready.IPv4}:80", // another pod of the node
            $"{lab.Client.IPv4}:80",
            "127.0.0.1:80", // whatever the pod keeps to itself
            "[::1]:80",
            "0.0.0.0:80",
            $"{lab.Server.IPv4}:{15001}",
            $"{lab.Server.IPv4}:{15006}",
            $"{lab.Server.IPv4}:{CaptureContract.HbonePort}",
            $"[{lab.Server.IPv6}]:{CaptureContract.HbonePort}",
            $"[::ffff:{lab.Server.IPv4}]:{CaptureContract.HbonePort}",
            $"{lab.Server.IPv4}:0",
            $"{lab.Server.IPv4}",
            "named.default.svc.cluster.local:80",
        ];
        foreach (string authority in refused)
        {
            Assert.Equal((authority, 400), (authority, await peer.Open(authority)));
            await lab.Mesh.AccessLine("direction=\"inbound\"", $"dst.hbone_addr={authority} ", "error=\"the authority is not an application of this pod\"");
        }
    }

    [Fact]
    public async Task A_tunnel_to_a_closed_port_of_the_pod_is_answered_503()
    {
        using X509Certificate2 certificate = await Certificates.Issue(lab.Mesh.Authority, ClientIdentity);
        await using TunnelPeer peer = await TunnelPeer.Connect(lab.Stranger, lab.Server.IPv4, certificate);

        Assert.Equal(503, await peer.Open($"{lab.Server.IPv4}:{SomePort}"));
    }

    /// <summary>Connects to the pod whose place an impostor has taken, and asserts that the impostor sees no byte of it.</summary>
    private async Task<FailedConnection> MeetImpostor(X509Certificate2 certificate, IPAddress at)
    {
        using PodListener listener = PodListener.Start(lab.Impostor, CaptureContract.HbonePort);
        Task<int> impostor = Impersonate(listener, certificate);

        FailedConnection failed = await PodSocket.Fail(lab.Client, at, SomePort, payload: "secret");

        Assert.Equal(0, await impostor);
        return failed;
    }

    /// <summary>Serves TLS to the first comer, whoever it is; returns how many bytes it got out of it.</summary>
    private static async Task<int> Impersonate(PodListener listener, X509Certificate2 certificate)
    {
        await using var tls = new SslStream(new NetworkStream(await listener.Accept(), ownsSocket: true));
        try
        {
            await tls.AuthenticateAsServerAsync(Certificates.Server(certificate)).WaitAsync(MeshLab.Patience);
            return await tls.ReadAsync(new byte[1000]).AsTask().WaitAsync(MeshLab.Patience);
        }
        catch (Exception e) when (e is IOException or AuthenticationException)
        {
            return 0;
        }
    }

    private async Task Refused(X509Certificate2? certificate)
    {
        Exception refusal = await Assert.ThrowsAnyAsync<Exception>(() => TunnelPeer.Connect(lab.Stranger, lab.Server.IPv4, certificate));

        Assert.True(refusal is IOException or AuthenticationException, $"{refusal}");
    }
}
