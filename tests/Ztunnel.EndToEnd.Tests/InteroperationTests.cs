using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Ztunnel.Identity;
using Ztunnel.IO;
using Ztunnel.Lab;

namespace Ztunnel.EndToEnd.Tests;

/// <summary>HBONE with an implementation of TLS and HTTP/2 that is not ours: Node's.</summary>
public sealed class InteroperationTests
{
    private const string Client = """
        const fs = require('fs'), http2 = require('http2');
        const [dir, peer, host, authority] = process.argv.slice(2);
        const read = name => fs.readFileSync(`${dir}/${name}`);
        const fail = e => { console.log(`failed ${e.message}`); process.exit(1); };
        const session = http2.connect(`https://${host}:15008`, {
            key: read('key.pem'), cert: read('chain.pem'), ca: read('root.pem'), minVersion: 'TLSv1.3',
            checkServerIdentity: (_, certificate) =>
                certificate.subjectaltname === `URI:${peer}` ? undefined : new Error(`peer is ${certificate.subjectaltname}`),
        });
        session.on('error', fail);
        const stream = session.request({ ':method': 'CONNECT', ':authority': authority });
        let got = '';
        stream.setEncoding('utf8');
        stream.on('error', fail);
        stream.on('response', headers => { console.log(`status ${headers[':status']}`); stream.end('hello from node\n'); });
        stream.on('data', text => got += text);
        stream.on('end', () => { console.log(got); console.log('ended'); session.close(); });
        """;

    private const string Server = """
        const fs = require('fs'), http2 = require('http2');
        const [dir] = process.argv.slice(2);
        const read = name => fs.readFileSync(`${dir}/${name}`);
        const server = http2.createSecureServer({
            key: read('key.pem'), cert: read('chain.pem'), ca: read('root.pem'), minVersion: 'TLSv1.3', requestCert: true, rejectUnauthorized: true,
        });
        server.on('stream', (stream, headers) => {
            const peer = stream.session.socket.getPeerCertificate().subjectaltname;
            console.log(`${headers[':method']} ${headers[':authority']} from ${peer}`);
            stream.on('error', e => console.log(`failed ${e.message}`));
            stream.respond({ ':status': 200 });
            stream.write('node is here\n');
            stream.pipe(stream);
        });
        server.on('tlsClientError', e => console.log(`refused ${e.message}`));
        server.listen(15008, '::');
        """;

    [Fact]
    public async Task Node_opens_a_tunnel_to_an_enrolled_pod_and_talks_to_its_application()
    {
        await using MeshLab mesh = await Start();
        await using EchoServer server = EchoServer.Start(mesh.Pod("server"));
        LabPod peer = mesh.Pod("peer");
        using NodeFiles files = await NodeFiles.Make(mesh.Authority, "spiffe://cluster.local/ns/other/sa/peer", Client);

        ProcessResult result = await peer.Exec(
            "node", files.Script, files.Directory, "spiffe://cluster.local/ns/default/sa/server", $"{mesh.Pod("server").IPv4}", $"{mesh.Pod("server").IPv4}:{EchoServer.Port}");

        Assert.True(result.ExitCode == 0, result.Output + result.Error);
        Assert.Equal(
            $"status 200\nserver {peer.IPv4}\nhello from node\n\nended\n", result.Output);
        await mesh.AccessLine("direction=\"inbound\"", "src.identity=\"spiffe://cluster.local/ns/other/sa/peer\"", "dst.identity=\"spiffe://cluster.local/ns/default/sa/server\"");
    }

    [Fact]
    public async Task An_enrolled_pods_connection_is_a_tunnel_that_Node_accepts()
    {
        await using MeshLab mesh = await Start();
        LabPod peer = mesh.Pod("peer");
        using NodeFiles files = await NodeFiles.Make(mesh.Authority, "spiffe://cluster.local/ns/other/sa/peer", Server);
        await using LabProcess node = await peer.Start("node", files.Script, files.Directory);
        await peer.WaitUntilListening(15008, node, MeshLab.Patience, TestContext.Current.CancellationToken);

        using EchoClient client = await EchoServer.Connect(mesh.Pod("client"), peer.IPv4, 4321);
        Assert.Equal("node is here", client.Greeting);
        Assert.Equal("hello node", await client.Echo("hello node"));
        await client.Close();

        await node.WaitForOutput(
            $"CONNECT {peer.IPv4}:4321 from URI:spiffe://cluster.local/ns/default/sa/client", MeshLab.Patience, TestContext.Current.CancellationToken);
        await mesh.AccessLine("direction=\"outbound\"", "src.identity=\"spiffe://cluster.local/ns/default/sa/client\"", "dst.identity=\"spiffe://cluster.local/ns/other/sa/peer\"");
    }

    [Fact]
    public async Task A_Node_server_with_another_identity_than_the_pods_is_refused_before_it_sees_a_tunnel()
    {
        await using MeshLab mesh = await Start();
        LabPod peer = mesh.Pod("peer");
        using NodeFiles files = await NodeFiles.Make(mesh.Authority, "spiffe://cluster.local/ns/other/sa/somebody-else", Server);
        await using LabProcess node = await peer.Start("node", files.Script, files.Directory);
        await peer.WaitUntilListening(15008, node, MeshLab.Patience, TestContext.Current.CancellationToken);

        Assert.Null(await EchoServer.Greeting(mesh.Pod("client"), peer.IPv4, 4321));
        await mesh.AccessLine("direction=\"outbound\"", $"dst.addr={peer.IPv4}:15008", "error=", "somebody-else");
        Assert.DoesNotContain("CONNECT", node.Output, StringComparison.Ordinal);
    }

    /// <summary>A client and a server in the mesh, and a peer that the manifests call ambient on a node where Node stands in for the agent.</summary>
    private static Task<MeshLab> Start() => MeshLab.Start(
        lab =>
        {
            lab.Node("a").Pod("client");
            lab.Node("b").Pod("server");
            lab.Node("c").Pod("peer", "other");
        },
        network => Yaml.Join(
            Yaml.Namespace("default", ambient: true),
            Yaml.Namespace("other", ambient: true),
            Yaml.Join(network.Pods.Select(pod => Yaml.Pod(pod)))),
        configure: null,
        nodesWithoutAgent: ["c"]);

    /// <summary>A script and a certificate of the lab's authority for it, in a temporary directory only root can read.</summary>
    private sealed class NodeFiles : IDisposable
    {
        private readonly DirectoryInfo _directory = System.IO.Directory.CreateTempSubdirectory("ztunnel-node-");

        public string Directory => _directory.FullName;

        public string Script => Path.Combine(Directory, "script.js");

        public static async Task<NodeFiles> Make(BuiltInCertificateAuthority authority, string identity, string script)
        {
            var files = new NodeFiles();
            using X509Certificate2 certificate = await Certificates.Issue(authority, identity);
            using ECDsa key = certificate.GetECDsaPrivateKey()!;
            await files.Write("key.pem", key.ExportPkcs8PrivateKeyPem());
            await files.Write("chain.pem", certificate.ExportCertificatePem());
            await files.Write("root.pem", PemEncoding.WriteString("CERTIFICATE", authority.Trust.Current.Certificates.Single().Der.Span));
            await files.Write("script.js", script);
            return files;
        }

        public void Dispose() => _directory.Delete(recursive: true);

        private Task Write(string name, string text) => File.WriteAllTextAsync(Path.Combine(Directory, name), text, Encoding.ASCII);
    }
}
