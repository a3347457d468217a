namespace Ztunnel.IO;

/// <summary>Alert descriptions (RFC 8446 section 6) that we send or treat apart from others.</summary>
internal enum TlsAlert : byte
{
    CloseNotify = 0,
    UnexpectedMessage = 10,
    BadRecordMac = 20,
    RecordOverflow = 22,
    HandshakeFailure = 40,
    BadCertificate = 42,
    UnsupportedCertificate = 43,
    CertificateRevoked = 44,
    CertificateExpired = 45,
    CertificateUnknown = 46,
    IllegalParameter = 47,
    UnknownCa = 48,
    AccessDenied = 49,
    DecodeError = 50,
    DecryptError = 51,
    ProtocolVersion = 70,
    InsufficientSecurity = 71,
    InternalError = 80,
    UserCanceled = 90,
    MissingExtension = 109,
    UnsupportedExtension = 110,
    UnrecognizedName = 112,
    CertificateRequired = 116,
    NoApplicationProtocol = 120,
}

/// <summary>Alerts in words.</summary>
internal static class TlsAlertText
{
    /// <summary>The alert's name and number as RFC 8446 writes it: <c>unknown_ca (48)</c>.</summary>
    public static string Describe(this TlsAlert alert)
    {
        string? name = Enum.GetName(alert);
        if (name is null)
            return $"alert {(byte)alert}";
        string spaced = string.Concat(name.Select((letter, index) => index > 0 && char.IsUpper(letter) ? $"_{letter}" : $"{letter}"));
        return $"{spaced.ToLowerInvariant()} ({(byte)alert})";
    }
}
