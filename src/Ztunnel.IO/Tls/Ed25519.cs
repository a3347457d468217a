using Ztunnel.IO.Native;

namespace Ztunnel.IO;

/// <summary>
/// Signatures of Ed25519 (RFC 8032), which the framework does not verify, by OpenSSL. Safe from any thread.
/// </summary>
public static class Ed25519
{
    /// <summary>The length of a public key in bytes.</summary>
    public const int KeyLength = 32;

    /// <summary>The length of a signature in bytes.</summary>
    public const int SignatureLength = 64;

    private const int KeyType = 1087;

    /// <summary>Whether bytes can be a public key.</summary>
    public static bool IsKey(ReadOnlySpan<byte> publicKey) => publicKey.Length == KeyLength;

    /// <summary>Whether <paramref name="signature"/> is the key's own of <paramref name="data"/>. False also for what is no key or no signature.</summary>
    public static unsafe bool Verify(ReadOnlySpan<byte> publicKey, ReadOnlySpan<byte> data, ReadOnlySpan<byte> signature)
    {
        if (publicKey.Length != KeyLength || signature.Length != SignatureLength)
            return false;
        nint key = 0, digest = 0;
        try
        {
            Libcrypto.ClearErrors();
            fixed (byte* keyBytes = publicKey, dataBytes = data, signatureBytes = signature)
            {
                key = Libcrypto.NewRawPublicKey(KeyType, 0, keyBytes, KeyLength);
                digest = Libcrypto.DigestNew();
                // Not null even where there is nothing to sign.
                byte nothing = 0;
                return key != 0
                    && digest != 0
                    && Libcrypto.DigestVerifyBegin(digest, 0, 0, 0, key) == 1
                    && Libcrypto.DigestVerify(digest, signatureBytes, SignatureLength, data.IsEmpty ? &nothing : dataBytes, (nuint)data.Length) == 1;
            }
        }
        finally
        {
            Libcrypto.DigestFree(digest);
            Libcrypto.PrivateKeyFree(key);
            // A signature that is not valid leaves one, which must not close this thread's next connection.
            Libcrypto.ClearErrors();
        }
    }
}
