using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Ztunnel.IO;
using Ztunnel.Testing;

namespace Ztunnel.Hbone.Tests.Interop;

/// <summary>Certificates of one authority: Node's in files, ours in a context.</summary>
internal sealed class NodeIdentity : IDisposable
{
    private readonly TlsAuthority _authority = new();
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("hbone-node-");
    private readonly TlsContext _context;

    public NodeIdentity()
    {
        _context = _authority.Context("ours");
        (X509Certificate2 certificate, ECDsa key) = _authority.Issue("node");
        File.WriteAllText(Files["cert"], certificate.ExportCertificatePem());
        File.WriteAllText(Files["key"], key.ExportPkcs8PrivateKeyPem());
        File.WriteAllText(Files["ca"], _authority.RootPem);
        certificate.Dispose();
        key.Dispose();
    }

    /// <summary>Paths of what Node needs, by the names the scripts know them by.</summary>
    public IReadOnlyDictionary<string, string> Files => new[] { "cert", "key", "ca" }
        .ToDictionary(name => name, name => Path.Combine(_directory.FullName, $"{name}.pem"), StringComparer.Ordinal);

    public async Task<TlsConnection> Accept(TcpConnection connection) => await TlsConnection.AcceptAsync(connection, _context, OnLoop.Patience);

    public async Task<TlsConnection> Connect(TcpConnection connection) =>
        await TlsConnection.ConnectAsync(connection, _context, null, OnLoop.Patience);

    public void Dispose()
    {
        _context.Dispose();
        _authority.Dispose();
        _directory.Delete(recursive: true);
    }
}
