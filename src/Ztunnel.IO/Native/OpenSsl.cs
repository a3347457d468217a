using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Ztunnel.IO.Native;

/// <summary>Loading of OpenSSL and its per-thread queue of errors.</summary>
internal static unsafe class OpenSsl
{
    private const int SslLibrary = 20;
    private const int PeerAlertReason = 1000;

    static OpenSsl()
    {
        // Whoever calls first decides whether OpenSSL tears itself down at exit, under the feet of loops still running.
        if (Libssl.Initialize(Libssl.InitNoAtExit, 0) != 1)
            throw new CryptographicException("OpenSSL could not be initialised");
    }

    /// <summary>Loads OpenSSL if nobody has. To be called before any other call of it.</summary>
    public static void EnsureLoaded()
    {
    }

    /// <summary>Passes a pointer on, or throws with OpenSSL's reason when it is null.</summary>
    public static nint NotNull(nint pointer, string action) => pointer != 0 ? pointer : throw Failure(action);

    /// <summary>Throws with OpenSSL's reason unless <paramref name="result"/> says success.</summary>
    public static void Check(nint result, string action)
    {
        if (result <= 0)
            throw Failure(action);
    }

    /// <summary>The first error of this thread's queue, which is emptied.</summary>
    public static OpenSslError TakeError()
    {
        nuint code = Libcrypto.GetError();
        Libcrypto.ClearErrors();
        if (code == 0)
            return new OpenSslError(0, null, "no reason given");
        bool ofSystem = (code & 0x80000000) != 0;
        int library = ofSystem ? 0 : (int)((code >> 23) & 0xFF);
        int reason = ofSystem ? 0 : (int)(code & 0x7FFFFF);
        byte? alert = library == SslLibrary && reason is >= PeerAlertReason and < PeerAlertReason + 256
            ? (byte)(reason - PeerAlertReason)
            : null;
        return new OpenSslError(library == SslLibrary ? reason : 0, alert, Text(Libcrypto.ErrorReason(code)) ?? $"error {code:x}");
    }

    /// <summary>A static string of OpenSSL's.</summary>
    public static string? Text(byte* text) => Marshal.PtrToStringUTF8((nint)text);

    private static CryptographicException Failure(string action) => new($"{action}: {TakeError().Text}");
}

/// <summary>One entry of OpenSSL's error queue.</summary>
/// <param name="SslReason">Reason code of libssl (SSL_R_...), or 0.</param>
/// <param name="PeerAlert">The alert the peer sent, when that is the error.</param>
/// <param name="Text">OpenSSL's words.</param>
internal readonly record struct OpenSslError(int SslReason, byte? PeerAlert, string Text);
