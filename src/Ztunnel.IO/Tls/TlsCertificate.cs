using System.Security.Cryptography;
using Ztunnel.IO.Native;

namespace Ztunnel.IO;

/// <summary>
/// A certificate chain and its private key, ready for <see cref="TlsContext.Update(TlsCertificate, IReadOnlyList{ReadOnlyMemory{byte}})"/>. The key is kept in OpenSSL's memory
/// only, which wipes it when the last context that uses it is gone; the managed copy made on the way is zeroed.
/// </summary>
public sealed unsafe class TlsCertificate : IDisposable
{
    private readonly ReadOnlyMemory<byte>[] _chain;

    /// <summary>Takes the certificates, leaf first, DER-encoded, and the leaf's key, which the caller still owns.</summary>
    /// <exception cref="CryptographicException">A certificate does not parse, or the key is not the leaf's or cannot be exported.</exception>
    public TlsCertificate(IReadOnlyList<ReadOnlyMemory<byte>> chainDer, AsymmetricAlgorithm key)
    {
        ArgumentNullException.ThrowIfNull(chainDer);
        ArgumentNullException.ThrowIfNull(key);
        if (chainDer.Count == 0)
            throw new ArgumentException("A certificate chain has at least a leaf.", nameof(chainDer));
        OpenSsl.EnsureLoaded();
        _chain = [.. chainDer];
        Key = Import(key);
        try
        {
            CheckLeaf();
        }
        catch
        {
            Key.Dispose();
            throw;
        }
    }

    internal ReadOnlySpan<ReadOnlyMemory<byte>> Chain => _chain;

    internal PrivateKeyHandle Key { get; }

    /// <summary>Lets go of the key; contexts that were given it keep it.</summary>
    public void Dispose() => Key.Dispose();

    /// <summary>Decodes one certificate to an <c>X509</c> the caller frees.</summary>
    internal static nint Decode(ReadOnlySpan<byte> der, string what)
    {
        Libcrypto.ClearErrors();
        fixed (byte* start = der)
        {
            byte* next = start;
            nint certificate = OpenSsl.NotNull(Libcrypto.DecodeCertificate(0, &next, der.Length), what);
            if (next == start + der.Length)
                return certificate;
            Libcrypto.CertificateFree(certificate);
            throw new CryptographicException($"{what}: bytes after the certificate");
        }
    }

    private static PrivateKeyHandle Import(AsymmetricAlgorithm key)
    {
        // Pinned, so that zeroing it leaves no copy made by a compaction.
        byte[] der = GC.AllocateUninitializedArray<byte>(8 * 1024, pinned: true);
        try
        {
            if (!key.TryExportPkcs8PrivateKey(der, out int length))
                throw new CryptographicException("The private key is larger than any key we know");
            Libcrypto.ClearErrors();
            fixed (byte* start = der)
            {
                byte* next = start;
                return new PrivateKeyHandle(OpenSsl.NotNull(Libcrypto.DecodePrivateKey(0, &next, length), "private key"));
            }
        }
        finally
        {
            CryptographicOperations.ZeroMemory(der);
        }
    }

    private void CheckLeaf()
    {
        nint leaf = Decode(_chain[0].Span, "leaf certificate");
        bool added = false;
        try
        {
            Key.DangerousAddRef(ref added);
            if (Libcrypto.CheckPrivateKey(leaf, Key.DangerousGetHandle()) != 1)
            {
                Libcrypto.ClearErrors();
                throw new CryptographicException("The private key is not that of the leaf certificate");
            }
        }
        finally
        {
            if (added)
                Key.DangerousRelease();
            Libcrypto.CertificateFree(leaf);
        }
    }
}
