using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using Ztunnel.IO.Native;

namespace Ztunnel.IO;

/// <content>What OpenSSL asks in the middle of a handshake.</content>
internal sealed unsafe partial class TlsSession
{
    /// <summary>OpenSSL asks whether the peer's certificate will do: 1 or 0.</summary>
    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    public static int OnVerify(nint storeContext, nint state)
    {
        try
        {
            nint ssl = Libcrypto.VerifyData(storeContext, Libssl.VerifyDataIndex());
            return Of(ssl).Verify(storeContext) ? 1 : 0;
        }
        catch (Exception)
        {
            // Native frames are below us: nothing may be thrown through them.
            Libcrypto.SetVerifyError(storeContext, Libcrypto.VerifyUnspecified);
            return 0;
        }
    }

    /// <summary>OpenSSL asks the server's side which of the offered protocols it takes.</summary>
    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    public static int OnSelectAlpn(nint ssl, byte** selected, byte* selectedLength, byte* offered, uint offeredLength, nint state)
    {
        try
        {
            ReadOnlySpan<byte> theirs = new(offered, (int)offeredLength);
            if (!AlpnNames.TrySelect(Of(ssl)._context.AlpnWire, theirs, out int start, out int length))
                return Of(ssl)._context.Options.AlpnOptional ? Libssl.AlpnNone : Libssl.AlpnFatal;
            *selected = offered + start;
            *selectedLength = (byte)length;
            return Libssl.AlpnOk;
        }
        catch (Exception)
        {
            return Libssl.AlpnFatal;
        }
    }

    /// <summary>OpenSSL shows the server's side the ClientHello: one without ALPN at all would never reach <see cref="OnSelectAlpn"/>.</summary>
    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    public static int OnClientHello(nint ssl, int* alert, nint state)
    {
        byte* data;
        nuint length;
        try
        {
            TlsSession session = Of(ssl);
            TlsContextOptions options = session._context.Options;
            if (options.ByServerName is { } choose && !session.TakeServerName(ssl, choose))
            {
                *alert = (int)TlsAlert.UnrecognizedName;
                return Libssl.ClientHelloError;
            }

            bool speaksTls13 = Libssl.ClientHelloExtension(ssl, Libssl.ExtensionSupportedVersions, &data, &length) == 1
                && NamesTls13(new ReadOnlySpan<byte>(data, (int)length));
            // There the ticket alone would open what was said before and after it.
            if (options.Resumes && !speaksTls13)
                _ = Libssl.SetConnectionOptions(ssl, Libssl.OptionNoTicket);
            if (options.AlpnOptional || session._context.AlpnWire.Length == 0)
                return Libssl.ClientHelloSuccess;
            if (!speaksTls13 || Libssl.ClientHelloExtension(ssl, Libssl.ExtensionAlpn, &data, &length) == 1)
                return Libssl.ClientHelloSuccess;
            *alert = (int)TlsAlert.NoApplicationProtocol;
            return Libssl.ClientHelloError;
        }
        catch (Exception)
        {
            // Native frames are below us: nothing may be thrown through them.
            *alert = (int)TlsAlert.InternalError;
            return Libssl.ClientHelloError;
        }
    }

    /// <summary>The one host name in a server_name extension (RFC 6066 section 3), lower case; null when there is none.</summary>
    internal static string? ReadServerName(ReadOnlySpan<byte> extension)
    {
        const int Prefix = 5;
        if (extension.Length <= Prefix || extension[2] != 0)
            return null;
        int length = (extension[3] << 8) | extension[4];
        ReadOnlySpan<byte> name = extension[Prefix..];
        return length == name.Length && Ascii.IsValid(name) ? Encoding.ASCII.GetString(name).ToLowerInvariant() : null;
    }

    /// <summary>Whether TLS 1.3 is in a client's supported_versions extension (RFC 8446 section 4.2.1).</summary>
    private static bool NamesTls13(ReadOnlySpan<byte> versions)
    {
        for (int at = 1; at + 1 < versions.Length; at += 2)
        {
            if (versions[at] == Libssl.Tls13 >> 8 && versions[at + 1] == (Libssl.Tls13 & 0xff))
                return true;
        }

        return false;
    }

    /// <summary>Notes whom the client wants, and goes on with the context chosen for that; false when there is none.</summary>
    private bool TakeServerName(nint ssl, Func<string?, TlsContext?> choose)
    {
        byte* data;
        nuint length;
        ServerName = Libssl.ClientHelloExtension(ssl, Libssl.ExtensionServerName, &data, &length) == 1
            ? ReadServerName(new ReadOnlySpan<byte>(data, (int)length))
            : null;
        TlsContext? chosen = choose(ServerName);
        if (chosen is not null && (ReferenceEquals(chosen, _context) || chosen.TryTakeOver(ssl)))
            return true;
        _refusal = ServerName is null ? "the client names no server (SNI), and one is needed" : $"there is no server {ServerName} here (SNI)";
        return false;
    }

    private static TlsSession Of(nint ssl) => (TlsSession)GCHandle.FromIntPtr(Libssl.GetData(ssl, 0)).Target!;

    private bool Verify(nint storeContext)
    {
        bool verified = Libcrypto.VerifyCertificate(storeContext) > 0;
        int code = verified ? Libcrypto.VerifyOk : Libcrypto.VerifyError(storeContext);
        string? error = verified ? null : OpenSsl.Text(Libcrypto.VerifyErrorText(code)) ?? $"verification error {code}";
        Libcrypto.ClearErrors();
        PeerCertificateDer = Encode(Libcrypto.VerifiedCertificate(storeContext));
        if (verified && Libcrypto.VerifiedChain(storeContext) is not 0 and var chain)
            PeerRootDer = Encode(Libcrypto.StackItem(chain, Libcrypto.StackCount(chain) - 1));
        PeerCertificate peer = new(PeerCertificateDer, error, code);
        try
        {
            _refusal = _context.Options.Verifier.Verify(in peer, _expectation) ?? error;
        }
        catch (Exception exception)
        {
            _refusal = $"the rule for peers failed: {exception.GetType().Name}: {exception.Message}";
        }

        // OpenSSL chooses the alert by this code; a chain's own trouble is told as it is.
        if (_refusal is not null && verified)
            Libcrypto.SetVerifyError(storeContext, Libcrypto.VerifyCertificateRejected);
        return _refusal is null;
    }

    private static byte[] Encode(nint certificate)
    {
        int length = Libcrypto.EncodeCertificate(certificate, null);
        byte[] der = new byte[Math.Max(0, length)];
        fixed (byte* start = der)
        {
            byte* next = start;
            OpenSsl.Check(Libcrypto.EncodeCertificate(certificate, &next), "i2d_X509");
        }

        return der;
    }
}
