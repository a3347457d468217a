namespace Ztunnel.IO;

/// <summary>What does not change over a <see cref="TlsContext"/>'s life.</summary>
public sealed record TlsContextOptions
{
    /// <summary>The rule that accepts or refuses each peer.</summary>
    public required IPeerVerifier Verifier { get; init; }

    /// <summary>
    /// Application protocols in order of preference. A handshake that agrees on none of them fails with the alert
    /// no_application_protocol, on both sides. Empty: none is offered or asked for.
    /// </summary>
    public IReadOnlyList<string> Alpn { get; init; } = ["h2"];

    /// <summary>
    /// Whether a handshake may agree on no protocol at all: for servers that clients of any kind come to, which then speak the
    /// oldest protocol.
    /// </summary>
    public bool AlpnOptional { get; init; }

    /// <summary>
    /// Whether a server asks clients for a certificate and refuses who has none. A client always demands the server's.
    /// </summary>
    public bool AsksClientCertificate { get; init; } = true;

    /// <summary>Whether a server takes TLS 1.2 too, with ciphers that have forward secrecy and authenticate what they encrypt.</summary>
    public bool AllowTls12 { get; init; }

    /// <summary>
    /// Whether a server lets clients resume their sessions, which spares both the certificate and its signature. With TLS 1.3
    /// only, with keys agreed on afresh each time, without early data, for two hours at most; what tickets are sealed with is
    /// known to this process's memory only and goes with the certificate. Not where clients are asked for certificates: those
    /// would not be judged again.
    /// </summary>
    public bool Resumes { get; init; }

    /// <summary>
    /// Chooses the context whose certificate a server shows, by the name the client asks for (SNI; null for none): null refuses
    /// the handshake with the alert unrecognized_name. Called during the handshake on the loop. Null keeps this context's own.
    /// </summary>
    public Func<string?, TlsContext?>? ByServerName { get; init; }

    /// <summary>
    /// TLS 1.3 cipher suites by IANA name in order of preference; the server's order decides. AES-128-GCM costs least on
    /// every processor with AES instructions.
    /// </summary>
    public IReadOnlyList<string> CipherSuites { get; init; } =
        ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"];

    /// <summary>Key exchange groups in order of preference, in OpenSSL's names.</summary>
    public IReadOnlyList<string> Groups { get; init; } = ["X25519", "P-256", "P-384"];

    /// <summary>Most intermediate certificates between a peer's leaf and a trust root.</summary>
    public int MaxChainDepth { get; init; } = 8;

    /// <summary>
    /// Records sealed with one key before it is replaced: half of what RFC 8446 section 5.5 allows for full-sized AES-GCM
    /// records, 2^24.5, rounded down.
    /// </summary>
    internal long RecordsPerKey { get; init; } = 1L << 23;
}
