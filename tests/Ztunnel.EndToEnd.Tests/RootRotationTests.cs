using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using Ztunnel.Identity;

namespace Ztunnel.EndToEnd.Tests;

/// <summary>What taking a root out of the trust bundle does to tunnels that peers under it have open.</summary>
public sealed class RootRotationTests
{
    private const string ClientIdentity = "spiffe://cluster.local/ns/default/sa/client";

    [Fact]
    public async Task Peers_under_a_root_that_is_withdrawn_are_cut_off_and_those_under_the_others_notice_nothing()
    {
        await using MeshLab mesh = await MeshLab.Start(lab => lab.Node("b").Pod("server").Pod("stranger", "outside"));
        using var former = BuiltInCertificateAuthority.CreateInMemory("cluster.local");
        TrustRoots remaining = mesh.Authority.Trust.Current;
        mesh.Authority.Trust.Replace(TrustRoots.FromDer([remaining.Certificates[0].Der, former.Trust.Current.Certificates[0].Der]));
        using PodListener listener = PodListener.Start(mesh.Pod("server"));
        string application = $"{mesh.Pod("server").IPv4}:{listener.Port}";
        using X509Certificate2 doubtful = await Certificates.Issue(former, ClientIdentity);
        using X509Certificate2 good = await Certificates.Issue(mesh.Authority, ClientIdentity);
        await using TunnelPeer cutOff = await TunnelPeer.Connect(mesh.Pod("stranger"), mesh.Pod("server").IPv4, doubtful);
        await using TunnelPeer untouched = await TunnelPeer.Connect(mesh.Pod("stranger"), mesh.Pod("server").IPv4, good);
        Assert.Equal(200, await cutOff.Open(application));
        using Socket ofCutOff = await listener.Accept();
        Assert.Equal(200, await untouched.Open(application));
        using Socket ofUntouched = await listener.Accept();

        mesh.Authority.Trust.Replace(remaining);

        await MeshLab.Eventually("the peer under the withdrawn root to be cut off", () => IsCutOff(ofCutOff));
        await Assert.ThrowsAnyAsync<IOException>(() => cutOff.Open(application));
        await untouched.Send("ping");
        Assert.Equal("ping", await ofUntouched.ReceiveText("ping"));
        Assert.Equal(200, await untouched.Open(application));
    }

    [Fact]
    public async Task Our_own_tunnels_to_peers_under_a_root_that_is_withdrawn_end_and_are_not_used_again()
    {
        await using MeshLab mesh = await MeshLab.Start(lab =>
        {
            lab.Node("a").Pod("client");
            lab.Node("b").Pod("server");
        });
        using var next = BuiltInCertificateAuthority.CreateInMemory("cluster.local");
        using PodListener listener = PodListener.Start(mesh.Pod("server"));
        using PodConnection open = await PodConnection.Open(mesh.Pod("client"), listener, mesh.Pod("server").IPv4, listener.Port);
        await open.Exchange();

        mesh.Authority.Trust.Replace(next.Trust.Current);

        await MeshLab.Eventually("the tunnel to end", () => IsCutOff(open.Client));
        FailedConnection failed = await PodSocket.Fail(mesh.Pod("client"), mesh.Pod("server").IPv4, listener.Port);
        Assert.Contains($"{PeerRefusal.UntrustedChain}: ", await mesh.AccessLine($"src.addr={failed.Client}"), StringComparison.Ordinal);
    }

    /// <summary>Whether nothing more can come: the other end is gone, in order or not.</summary>
    private static Task<bool> IsCutOff(Socket socket)
    {
        try
        {
            return Task.FromResult(socket.Poll(0, SelectMode.SelectRead) && socket.Receive(new byte[1], SocketFlags.Peek) == 0);
        }
        catch (SocketException)
        {
            return Task.FromResult(true);
        }
    }
}
