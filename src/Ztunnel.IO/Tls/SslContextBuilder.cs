using System.Security.Cryptography;
using System.Text;
using Ztunnel.IO.Native;

namespace Ztunnel.IO;

/// <summary>Sets up an <c>SSL_CTX</c>: unless the options say otherwise nothing resumed, TLS 1.3 only and both sides authenticated.</summary>
internal static unsafe class SslContextBuilder
{
    // 112 bits: RSA from 2048, curves from 224. Said here because the system's openssl.cnf would decide otherwise.
    private const int SecurityLevel = 2;

    // A ticket is good for one connection, and browsers open two at once.
    private const nuint Tickets = 2;

    // Each with ECDHE and AEAD (RFC 9325 section 4.2).
    private const string Tls12Ciphers =
        "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
        + "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";

    public static SslContextHandle Build(
        TlsContextOptions options, byte[] alpn, IReadOnlyList<TlsCertificate> certificates, IReadOnlyList<ReadOnlyMemory<byte>> roots)
    {
        Libcrypto.ClearErrors();
        SslContextHandle context = new();
        try
        {
            SetProtocol(context, options);
            SetAlpn(context, alpn);
            SetClientHello(context, options, alpn);
            foreach (TlsCertificate certificate in certificates)
                SetCertificate(context, certificate);
            SetTrust(context, options, roots);
            return context;
        }
        catch
        {
            context.Dispose();
            throw;
        }
    }

    private static void SetProtocol(SslContextHandle context, TlsContextOptions options)
    {
        int oldest = options.AllowTls12 ? Libssl.Tls12 : Libssl.Tls13;
        OpenSsl.Check(Libssl.ContextControl(context, Libssl.ControlMinimumVersion, oldest, 0), "minimum version");
        OpenSsl.Check(Libssl.ContextControl(context, Libssl.ControlMaximumVersion, Libssl.Tls13, 0), "maximum version");
        Libssl.SetSecurityLevel(context, SecurityLevel);
        OpenSsl.Check(Libssl.SetCipherSuites(context, string.Join(':', options.CipherSuites)), "cipher suites");
        if (options.AllowTls12)
            OpenSsl.Check(Libssl.SetCipherList(context, Tls12Ciphers), "TLS 1.2 ciphers");
        fixed (byte* groups = Encoding.ASCII.GetBytes(string.Join(':', options.Groups) + '\0'))
            OpenSsl.Check(Libssl.ContextControlBytes(context, Libssl.ControlGroupsList, 0, groups), "groups");
        _ = Libssl.SetOptions(context, Libssl.OptionServerPreference | Libssl.OptionNoRenegotiation);
        SetResumption(context, options.Resumes);
        // Without NoAutoChain OpenSSL searches the trust roots for our own chain at each handshake.
        _ = Libssl.ContextControl(
            context,
            Libssl.ControlMode,
            Libssl.ModeNoAutoChain | Libssl.ModeReleaseBuffers | Libssl.ModeAcceptMovingWriteBuffer,
            0);
        // With it one SSL_read would take any number of records that carry nothing; without it we see and count each.
        _ = Libssl.ContextControl(context, Libssl.ControlClearMode, Libssl.ModeAutoRetry, 0);
    }

    /// <summary>Nothing is kept here: a client that may resume has its session in a ticket, sealed with keys that OpenSSL makes for each context.</summary>
    private static void SetResumption(SslContextHandle context, bool resumes)
    {
        _ = Libssl.ContextControl(context, Libssl.ControlSessionCacheMode, 0, 0);
        OpenSsl.Check(Libssl.SetTicketCount(context, resumes ? Tickets : 0), "session tickets");
        if (!resumes)
        {
            _ = Libssl.SetOptions(context, Libssl.OptionNoTicket);
            return;
        }

        // Contexts that take over from each other by server name share the keys of the first: the name keeps their sessions apart.
        Span<byte> name = stackalloc byte[16];
        RandomNumberGenerator.Fill(name);
        fixed (byte* start = name)
            OpenSsl.Check(Libssl.SetSessionContext(context, start, (uint)name.Length), "session context");
    }

    private static void SetAlpn(SslContextHandle context, byte[] alpn)
    {
        if (alpn.Length == 0)
            return;
        fixed (byte* wire = alpn)
        {
            // This one call returns 0 for success.
            OpenSsl.Check(Libssl.SetAlpnOffer(context, wire, (uint)alpn.Length) == 0 ? 1 : 0, "ALPN");
        }

        Libssl.SetAlpnSelection(context, &TlsSession.OnSelectAlpn, 0);
    }

    private static void SetClientHello(SslContextHandle context, TlsContextOptions options, byte[] alpn)
    {
        if (alpn.Length > 0 || options.ByServerName is not null || options.Resumes)
            Libssl.SetClientHello(context, &TlsSession.OnClientHello, 0);
    }

    private static void SetCertificate(SslContextHandle context, TlsCertificate certificate)
    {
        for (int index = 0; index < certificate.Chain.Length; index++)
        {
            nint x509 = TlsCertificate.Decode(certificate.Chain[index].Span, $"certificate {index} of the chain");
            try
            {
                if (index == 0)
                    OpenSsl.Check(Libssl.UseCertificate(context, x509), "leaf certificate");
                else
                    OpenSsl.Check(
                        Libssl.ContextControl(context, Libssl.ControlChainCertificate, 1, x509), $"certificate {index} of the chain");
            }
            finally
            {
                Libcrypto.CertificateFree(x509);
            }
        }

        OpenSsl.Check(Libssl.UsePrivateKey(context, certificate.Key), "private key");
    }

    private static void SetTrust(SslContextHandle context, TlsContextOptions options, IReadOnlyList<ReadOnlyMemory<byte>> roots)
    {
        nint store = Libssl.CertificateStore(context);
        _ = Libcrypto.StoreSetFlags(store, Libcrypto.FlagPartialChain);
        for (int index = 0; index < roots.Count; index++)
        {
            nint x509 = TlsCertificate.Decode(roots[index].Span, $"trust root {index}");
            int added = Libcrypto.StoreAdd(store, x509);
            Libcrypto.CertificateFree(x509);
            OpenSsl.Check(added, $"trust root {index}");
        }

        if (!options.AsksClientCertificate)
        {
            Libssl.SetVerify(context, Libssl.VerifyNone, 0);
            return;
        }

        Libssl.SetVerifyDepth(context, options.MaxChainDepth);
        Libssl.SetVerify(context, Libssl.VerifyPeer | Libssl.VerifyFailIfNoPeerCertificate, 0);
        Libssl.SetVerifyCallback(context, &TlsSession.OnVerify, 0);
    }
}
