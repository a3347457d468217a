using System.Runtime.InteropServices;

namespace Ztunnel.IO.Native;

/// <summary>The calls of OpenSSL's libssl we make.</summary>
internal static unsafe partial class Libssl
{
    /// <summary>OPENSSL_INIT_NO_ATEXIT: loops may still run while the process exits.</summary>
    public const ulong InitNoAtExit = 0x00080000;

    public const int Tls12 = 0x0303;
    public const int Tls13 = 0x0304;

    public const int ControlMode = 33;
    public const int ControlSessionCacheMode = 44;
    public const int ControlClearMode = 78;
    public const int ControlChainCertificate = 89;
    public const int ControlGroupsList = 92;
    public const int ControlMinimumVersion = 123;
    public const int ControlMaximumVersion = 124;

    public const int ModeAcceptMovingWriteBuffer = 0x2;
    public const int ModeAutoRetry = 0x4;
    public const int ModeNoAutoChain = 0x8;
    public const int ModeReleaseBuffers = 0x10;
    public const ulong OptionNoTicket = 1UL << 14;
    public const ulong OptionServerPreference = 1UL << 22;
    public const ulong OptionNoRenegotiation = 1UL << 30;

    public const int VerifyNone = 0x00;
    public const int VerifyPeer = 0x01;
    public const int VerifyFailIfNoPeerCertificate = 0x02;

    public const int ErrorWantRead = 2;
    public const int ErrorWantWrite = 3;
    public const int ErrorZeroReturn = 6;

    public const uint ExtensionServerName = 0;
    public const uint ExtensionAlpn = 16;
    public const uint ExtensionSupportedVersions = 43;
    public const int ClientHelloError = 0;
    public const int ClientHelloSuccess = 1;
    public const int KeyUpdateNotRequested = 0;

    public const int AlpnOk = 0;
    public const int AlpnFatal = 2;
    public const int AlpnNone = 3;

    private const string Library = "libssl.so.3";

    [LibraryImport(Library, EntryPoint = "OPENSSL_init_ssl")]
    public static partial int Initialize(ulong options, nint settings);

    [LibraryImport(Library, EntryPoint = "TLS_method")]
    public static partial nint Method();

    [LibraryImport(Library, EntryPoint = "SSL_CTX_new")]
    public static partial nint ContextNew(nint method);

    [LibraryImport(Library, EntryPoint = "SSL_CTX_free")]
    public static partial void ContextFree(nint context);

    [LibraryImport(Library, EntryPoint = "SSL_CTX_ctrl")]
    public static partial nint ContextControl(SslContextHandle context, int command, nint number, nint pointer);

    [LibraryImport(Library, EntryPoint = "SSL_CTX_ctrl")]
    public static partial nint ContextControlBytes(SslContextHandle context, int command, nint number, byte* text);

    [LibraryImport(Library, EntryPoint = "SSL_CTX_set_options")]
    public static partial ulong SetOptions(SslContextHandle context, ulong options);

    [LibraryImport(Library, EntryPoint = "SSL_CTX_set_security_level")]
    public static partial void SetSecurityLevel(SslContextHandle context, int level);

    [LibraryImport(Library, EntryPoint = "SSL_CTX_set_ciphersuites", StringMarshalling = StringMarshalling.Utf8)]
    public static partial int SetCipherSuites(SslContextHandle context, string list);

    [LibraryImport(Library, EntryPoint = "SSL_CTX_set_cipher_list", StringMarshalling = StringMarshalling.Utf8)]
    public static partial int SetCipherList(SslContextHandle context, string list);

    [LibraryImport(Library, EntryPoint = "SSL_CTX_set_num_tickets")]
    public static partial int SetTicketCount(SslContextHandle context, nuint count);

    [LibraryImport(Library, EntryPoint = "SSL_CTX_set_session_id_context")]
    public static partial int SetSessionContext(SslContextHandle context, byte* name, uint length);

    [LibraryImport(Library, EntryPoint = "SSL_CTX_set_verify")]
    public static partial void SetVerify(SslContextHandle context, int mode, nint callback);

    [LibraryImport(Library, EntryPoint = "SSL_CTX_set_verify_depth")]
    public static partial void SetVerifyDepth(SslContextHandle context, int depth);

    [LibraryImport(Library, EntryPoint = "SSL_CTX_set_cert_verify_callback")]
    public static partial void SetVerifyCallback(
        SslContextHandle context, delegate* unmanaged[Cdecl]<nint, nint, int> callback, nint state);

    [LibraryImport(Library, EntryPoint = "SSL_CTX_set_alpn_protos")]
    public static partial int SetAlpnOffer(SslContextHandle context, byte* protocols, uint length);

    [LibraryImport(Library, EntryPoint = "SSL_CTX_set_alpn_select_cb")]
    public static partial void SetAlpnSelection(
        SslContextHandle context, delegate* unmanaged[Cdecl]<nint, byte**, byte*, byte*, uint, nint, int> callback, nint state);

    [LibraryImport(Library, EntryPoint = "SSL_CTX_set_client_hello_cb")]
    public static partial void SetClientHello(
        SslContextHandle context, delegate* unmanaged[Cdecl]<nint, int*, nint, int> callback, nint state);

    [LibraryImport(Library, EntryPoint = "SSL_client_hello_get0_ext")]
    public static partial int ClientHelloExtension(nint ssl, uint type, byte** data, nuint* length);

    [LibraryImport(Library, EntryPoint = "SSL_CTX_use_certificate")]
    public static partial int UseCertificate(SslContextHandle context, nint certificate);

    [LibraryImport(Library, EntryPoint = "SSL_CTX_use_PrivateKey")]
    public static partial int UsePrivateKey(SslContextHandle context, PrivateKeyHandle key);

    [LibraryImport(Library, EntryPoint = "SSL_CTX_get_cert_store")]
    public static partial nint CertificateStore(SslContextHandle context);

    [LibraryImport(Library, EntryPoint = "SSL_new")]
    public static partial nint New(SslContextHandle context);

    [LibraryImport(Library, EntryPoint = "SSL_set_SSL_CTX")]
    public static partial nint SetContext(nint ssl, SslContextHandle context);

    [LibraryImport(Library, EntryPoint = "SSL_version")]
    public static partial int Version(nint ssl);

    [LibraryImport(Library, EntryPoint = "SSL_free")]
    public static partial void Free(nint ssl);

    [LibraryImport(Library, EntryPoint = "SSL_set_options")]
    public static partial ulong SetConnectionOptions(nint ssl, ulong options);

    [LibraryImport(Library, EntryPoint = "SSL_set_bio")]
    public static partial void SetBio(nint ssl, nint reader, nint writer);

    [LibraryImport(Library, EntryPoint = "SSL_set_connect_state")]
    public static partial void SetConnectState(nint ssl);

    [LibraryImport(Library, EntryPoint = "SSL_set_accept_state")]
    public static partial void SetAcceptState(nint ssl);

    [LibraryImport(Library, EntryPoint = "SSL_set_ex_data")]
    public static partial int SetData(nint ssl, int index, nint data);

    [LibraryImport(Library, EntryPoint = "SSL_get_ex_data")]
    public static partial nint GetData(nint ssl, int index);

    [LibraryImport(Library, EntryPoint = "SSL_get_ex_data_X509_STORE_CTX_idx")]
    public static partial int VerifyDataIndex();

    [LibraryImport(Library, EntryPoint = "SSL_do_handshake")]
    public static partial int DoHandshake(nint ssl);

    [LibraryImport(Library, EntryPoint = "SSL_read")]
    public static partial int Read(nint ssl, byte* target, int length);

    [LibraryImport(Library, EntryPoint = "SSL_write")]
    public static partial int Write(nint ssl, byte* source, int length);

    [LibraryImport(Library, EntryPoint = "SSL_shutdown")]
    public static partial int Shutdown(nint ssl);

    [LibraryImport(Library, EntryPoint = "SSL_key_update")]
    public static partial int KeyUpdate(nint ssl, int request);

    [LibraryImport(Library, EntryPoint = "SSL_get_error")]
    public static partial int GetError(nint ssl, int result);

    [LibraryImport(Library, EntryPoint = "SSL_get_current_cipher")]
    public static partial nint CurrentCipher(nint ssl);

    [LibraryImport(Library, EntryPoint = "SSL_CIPHER_standard_name")]
    public static partial byte* CipherName(nint cipher);

    [LibraryImport(Library, EntryPoint = "SSL_get0_alpn_selected")]
    public static partial void SelectedAlpn(nint ssl, byte** protocol, uint* length);

    [LibraryImport(Library, EntryPoint = "SSL_get_session")]
    public static partial nint Session(nint ssl);

    [LibraryImport(Library, EntryPoint = "SSL_SESSION_get_max_fragment_length")]
    public static partial byte MaximumFragmentLength(nint session);
}
