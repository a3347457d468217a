namespace Ztunnel.Hbone.Wire;

/// <summary>
/// Field names that need no string: those of the HPACK static table (RFC 7541 appendix A, in its order), those HTTP/2
/// forbids (RFC 9113 section 8.2.2), and those HBONE peers send. <see cref="KnownHeaders"/> gives their bytes.
/// </summary>
public enum KnownHeader : byte
{
    /// <summary>A name without a constant.</summary>
    None,

    /// <summary><c>:authority</c></summary>
    Authority,

    /// <summary><c>:method</c></summary>
    Method,

    /// <summary><c>:path</c></summary>
    Path,

    /// <summary><c>:scheme</c></summary>
    Scheme,

    /// <summary><c>:status</c></summary>
    Status,

    /// <summary><c>accept-charset</c></summary>
    AcceptCharset,

    /// <summary><c>accept-encoding</c></summary>
    AcceptEncoding,

    /// <summary><c>accept-language</c></summary>
    AcceptLanguage,

    /// <summary><c>accept-ranges</c></summary>
    AcceptRanges,

    /// <summary><c>accept</c></summary>
    Accept,

    /// <summary><c>access-control-allow-origin</c></summary>
    AccessControlAllowOrigin,

    /// <summary><c>age</c></summary>
    Age,

    /// <summary><c>allow</c></summary>
    Allow,

    /// <summary><c>authorization</c></summary>
    Authorization,

    /// <summary><c>cache-control</c></summary>
    CacheControl,

    /// <summary><c>content-disposition</c></summary>
    ContentDisposition,

    /// <summary><c>content-encoding</c></summary>
    ContentEncoding,

    /// <summary><c>content-language</c></summary>
    ContentLanguage,

    /// <summary><c>content-length</c></summary>
    ContentLength,

    /// <summary><c>content-location</c></summary>
    ContentLocation,

    /// <summary><c>content-range</c></summary>
    ContentRange,

    /// <summary><c>content-type</c></summary>
    ContentType,

    /// <summary><c>cookie</c></summary>
    Cookie,

    /// <summary><c>date</c></summary>
    Date,

    /// <summary><c>etag</c></summary>
    ETag,

    /// <summary><c>expect</c></summary>
    Expect,

    /// <summary><c>expires</c></summary>
    Expires,

    /// <summary><c>from</c></summary>
    From,

    /// <summary><c>host</c></summary>
    Host,

    /// <summary><c>if-match</c></summary>
    IfMatch,

    /// <summary><c>if-modified-since</c></summary>
    IfModifiedSince,

    /// <summary><c>if-none-match</c></summary>
    IfNoneMatch,

    /// <summary><c>if-range</c></summary>
    IfRange,

    /// <summary><c>if-unmodified-since</c></summary>
    IfUnmodifiedSince,

    /// <summary><c>last-modified</c></summary>
    LastModified,

    /// <summary><c>link</c></summary>
    Link,

    /// <summary><c>location</c></summary>
    Location,

    /// <summary><c>max-forwards</c></summary>
    MaxForwards,

    /// <summary><c>proxy-authenticate</c></summary>
    ProxyAuthenticate,

    /// <summary><c>proxy-authorization</c></summary>
    ProxyAuthorization,

    /// <summary><c>range</c></summary>
    Range,

    /// <summary><c>referer</c></summary>
    Referer,

    /// <summary><c>refresh</c></summary>
    Refresh,

    /// <summary><c>retry-after</c></summary>
    RetryAfter,

    /// <summary><c>server</c></summary>
    Server,

    /// <summary><c>set-cookie</c></summary>
    SetCookie,

    /// <summary><c>strict-transport-security</c></summary>
    StrictTransportSecurity,

    /// <summary><c>transfer-encoding</c></summary>
    TransferEncoding,

    /// <summary><c>user-agent</c></summary>
    UserAgent,

    /// <summary><c>vary</c></summary>
    Vary,

    /// <summary><c>via</c></summary>
    Via,

    /// <summary><c>www-authenticate</c></summary>
    WwwAuthenticate,

    /// <summary><c>:protocol</c></summary>
    Protocol,

    /// <summary><c>connection</c></summary>
    Connection,

    /// <summary><c>keep-alive</c></summary>
    KeepAlive,

    /// <summary><c>proxy-connection</c></summary>
    ProxyConnection,

    /// <summary><c>te</c></summary>
    TE,

    /// <summary><c>trailer</c></summary>
    Trailer,

    /// <summary><c>upgrade</c></summary>
    Upgrade,

    /// <summary><c>baggage</c></summary>
    Baggage,

    /// <summary><c>forwarded</c></summary>
    Forwarded,

    /// <summary><c>traceparent</c></summary>
    Traceparent,

    /// <summary><c>tracestate</c></summary>
    Tracestate,

    /// <summary><c>x-b3-sampled</c></summary>
    XB3Sampled,

    /// <summary><c>x-b3-spanid</c></summary>
    XB3SpanId,

    /// <summary><c>x-b3-traceid</c></summary>
    XB3TraceId,

    /// <summary><c>x-envoy-original-dst-host</c></summary>
    XEnvoyOriginalDstHost,

    /// <summary><c>x-envoy-peer-metadata</c></summary>
    XEnvoyPeerMetadata,

    /// <summary><c>x-envoy-peer-metadata-id</c></summary>
    XEnvoyPeerMetadataId,

    /// <summary><c>x-forwarded-client-cert</c></summary>
    XForwardedClientCert,

    /// <summary><c>x-forwarded-for</c></summary>
    XForwardedFor,

    /// <summary><c>x-forwarded-host</c></summary>
    XForwardedHost,

    /// <summary><c>x-forwarded-network</c></summary>
    XForwardedNetwork,

    /// <summary><c>x-forwarded-proto</c></summary>
    XForwardedProto,

    /// <summary><c>x-istio-source</c></summary>
    XIstioSource,

    /// <summary><c>x-request-id</c></summary>
    XRequestId,

    /// <summary><c>proxy-status</c></summary>
    ProxyStatus,
}
