namespace Ztunnel.Mesh;

/// <summary>What is known of a request at a gateway when it is judged: all that policies can look at. Lives no longer than the judgement.</summary>
public readonly ref struct HttpAuthorizationFacts
{
    /// <summary>
    /// The connection it came by. Its destination is the gateway's own workload, its address and port are what the client asked
    /// for: at a waypoint those of the service or workload, at an ingress gateway its listener's.
    /// </summary>
    public required ConnectionFacts Connection { get; init; }

    /// <summary>The method.</summary>
    public required ReadOnlySpan<char> Method { get; init; }

    /// <summary>The <c>:authority</c> or <c>Host</c>, with a port if the client gave one.</summary>
    public required ReadOnlySpan<char> Host { get; init; }

    /// <summary>The path.</summary>
    public required HttpPath Path { get; init; }

    /// <summary>The headers.</summary>
    public required IRequestHeaders Headers { get; init; }

    /// <summary>The token that a RequestAuthentication found valid; null where there is none.</summary>
    public VerifiedToken? Token { get; init; }

    /// <summary>The address the request comes from by what trusted proxies say of it; that of the connection where none does.</summary>
    public required NetworkAddress RemoteAddress { get; init; }

    /// <summary>The server name the client gave in its TLS handshake; empty where there was none.</summary>
    public ReadOnlySpan<char> ServerName { get; init; }

    /// <summary>Which of the decoded readings of the path is looked at; null for the path as it is.</summary>
    internal string? DecodedPath { get; init; }
}
