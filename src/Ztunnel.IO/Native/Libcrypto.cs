using System.Runtime.InteropServices;

namespace Ztunnel.IO.Native;

/// <summary>The calls of OpenSSL's libcrypto we make. Pointers are untyped here; the types around it give them owners.</summary>
internal static unsafe partial class Libcrypto
{
    public const int VerifyOk = 0;
    public const int VerifyUnspecified = 1;
    public const int VerifyCertificateRejected = 28;

    // A root in the bundle may be an intermediate of somebody's own hierarchy; being listed is what makes it trusted.
    public const nuint FlagPartialChain = 0x80000;

    private const string Library = "libcrypto.so.3";

    [LibraryImport(Library, EntryPoint = "ERR_clear_error")]
    public static partial void ClearErrors();

    [LibraryImport(Library, EntryPoint = "ERR_get_error")]
    public static partial nuint GetError();

    [LibraryImport(Library, EntryPoint = "ERR_reason_error_string")]
    public static partial byte* ErrorReason(nuint error);

    [LibraryImport(Library, EntryPoint = "d2i_AutoPrivateKey")]
    public static partial nint DecodePrivateKey(nint reuse, byte** der, nint length);

    [LibraryImport(Library, EntryPoint = "EVP_PKEY_free")]
    public static partial void PrivateKeyFree(nint key);

    [LibraryImport(Library, EntryPoint = "EVP_PKEY_new_raw_public_key")]
    public static partial nint NewRawPublicKey(int type, nint engine, byte* key, nuint length);

    [LibraryImport(Library, EntryPoint = "EVP_MD_CTX_new")]
    public static partial nint DigestNew();

    [LibraryImport(Library, EntryPoint = "EVP_MD_CTX_free")]
    public static partial void DigestFree(nint digest);

    [LibraryImport(Library, EntryPoint = "EVP_DigestVerifyInit")]
    public static partial int DigestVerifyBegin(nint digest, nint keyContext, nint type, nint engine, nint key);

    [LibraryImport(Library, EntryPoint = "EVP_DigestVerify")]
    public static partial int DigestVerify(nint digest, byte* signature, nuint signatureLength, byte* data, nuint length);

    [LibraryImport(Library, EntryPoint = "d2i_X509")]
    public static partial nint DecodeCertificate(nint reuse, byte** der, nint length);

    [LibraryImport(Library, EntryPoint = "i2d_X509")]
    public static partial int EncodeCertificate(nint certificate, byte** der);

    [LibraryImport(Library, EntryPoint = "X509_free")]
    public static partial void CertificateFree(nint certificate);

    [LibraryImport(Library, EntryPoint = "X509_check_private_key")]
    public static partial int CheckPrivateKey(nint certificate, nint key);

    [LibraryImport(Library, EntryPoint = "X509_STORE_add_cert")]
    public static partial int StoreAdd(nint store, nint certificate);

    [LibraryImport(Library, EntryPoint = "X509_STORE_set_flags")]
    public static partial int StoreSetFlags(nint store, nuint flags);

    [LibraryImport(Library, EntryPoint = "X509_verify_cert")]
    public static partial int VerifyCertificate(nint storeContext);

    [LibraryImport(Library, EntryPoint = "X509_STORE_CTX_get0_cert")]
    public static partial nint VerifiedCertificate(nint storeContext);

    [LibraryImport(Library, EntryPoint = "X509_STORE_CTX_get0_chain")]
    public static partial nint VerifiedChain(nint storeContext);

    [LibraryImport(Library, EntryPoint = "OPENSSL_sk_num")]
    public static partial int StackCount(nint stack);

    [LibraryImport(Library, EntryPoint = "OPENSSL_sk_value")]
    public static partial nint StackItem(nint stack, int index);

    [LibraryImport(Library, EntryPoint = "X509_STORE_CTX_get_error")]
    public static partial int VerifyError(nint storeContext);

    [LibraryImport(Library, EntryPoint = "X509_STORE_CTX_set_error")]
    public static partial void SetVerifyError(nint storeContext, int error);

    [LibraryImport(Library, EntryPoint = "X509_STORE_CTX_get_ex_data")]
    public static partial nint VerifyData(nint storeContext, int index);

    [LibraryImport(Library, EntryPoint = "X509_verify_cert_error_string")]
    public static partial byte* VerifyErrorText(nint error);

    [LibraryImport(Library, EntryPoint = "BIO_get_new_index")]
    public static partial int BioNewIndex();

    [LibraryImport(Library, EntryPoint = "BIO_meth_new")]
    public static partial nint BioMethodNew(int type, byte* name);

    [LibraryImport(Library, EntryPoint = "BIO_meth_set_read")]
    public static partial int BioMethodSetRead(nint method, delegate* unmanaged[Cdecl]<nint, byte*, int, int> callback);

    [LibraryImport(Library, EntryPoint = "BIO_meth_set_write")]
    public static partial int BioMethodSetWrite(nint method, delegate* unmanaged[Cdecl]<nint, byte*, int, int> callback);

    [LibraryImport(Library, EntryPoint = "BIO_meth_set_ctrl")]
    public static partial int BioMethodSetControl(nint method, delegate* unmanaged[Cdecl]<nint, int, nint, nint, nint> callback);

    [LibraryImport(Library, EntryPoint = "BIO_new")]
    public static partial nint BioNew(nint method);

    [LibraryImport(Library, EntryPoint = "BIO_set_init")]
    public static partial void BioSetInit(nint bio, int initialised);

    [LibraryImport(Library, EntryPoint = "BIO_set_data")]
    public static partial void BioSetData(nint bio, nint data);

    // These three only touch a field.
    [LibraryImport(Library, EntryPoint = "BIO_get_data")]
    [SuppressGCTransition]
    public static partial nint BioGetData(nint bio);

    [LibraryImport(Library, EntryPoint = "BIO_set_flags")]
    [SuppressGCTransition]
    public static partial void BioSetFlags(nint bio, int flags);

    [LibraryImport(Library, EntryPoint = "BIO_clear_flags")]
    [SuppressGCTransition]
    public static partial void BioClearFlags(nint bio, int flags);
}
