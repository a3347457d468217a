namespace Ztunnel.Hbone.Wire;

/// <summary>
/// Whether a decoded field section is well-formed (RFC 9113 sections 8.2, 8.3 and 8.5). What is returned is a stream error
/// PROTOCOL_ERROR, or null.
/// </summary>
public static class HeaderRules
{
    /// <summary>
    /// Checks a request. <paramref name="isConnect"/> tells a plain CONNECT (<c>:authority</c> present, no <c>:scheme</c> or
    /// <c>:path</c>) from any other well-formed request, which HBONE does not serve.
    /// </summary>
    public static Violation? CheckRequest(HeaderList headers, out bool isConnect) => throw new NotImplementedException();

    /// <summary>Checks a response and gives its status, 100 to 599; 1xx are interim.</summary>
    public static Violation? CheckResponse(HeaderList headers, out int status) => throw new NotImplementedException();

    /// <summary>Checks trailers: no pseudo-header fields.</summary>
    public static Violation? CheckTrailers(HeaderList headers) => throw new NotImplementedException();
}
