namespace Ztunnel.Mesh;

/// <summary>Something done to a request or its response on the way (Gateway API <c>filters</c>), in the order given.</summary>
public abstract record HttpFilter
{
    private HttpFilter()
    {
    }

    /// <summary>Changes the headers that the backend sees.</summary>
    public sealed record RequestHeaders(HeaderChange Change) : HttpFilter;

    /// <summary>Changes the headers that the client sees.</summary>
    public sealed record ResponseHeaders(HeaderChange Change) : HttpFilter;

    /// <summary>Answers with a redirect; null keeps what the request has.</summary>
    public sealed record Redirect : HttpFilter
    {
        /// <summary>The scheme.</summary>
        public string? Scheme { get; init; }

        /// <summary>The host.</summary>
        public string? Hostname { get; init; }

        /// <summary>The path.</summary>
        public PathChange? Path { get; init; }

        /// <summary>The port; where null that of <see cref="Scheme"/>, or else the listener's.</summary>
        public ushort? Port { get; init; }

        /// <summary>The status, 301, 302, 303, 307 or 308.</summary>
        public int StatusCode { get; init; } = 302;

        /// <summary>The <c>location</c>.</summary>
        /// <param name="request">The request, whose host stands without port.</param>
        /// <param name="scheme">What the client spoke, <c>http</c> or <c>https</c>.</param>
        /// <param name="listenerPort">The listener's port.</param>
        /// <param name="match">What the request came in by.</param>
        public string Location(in HttpRequestFacts request, string scheme, ushort listenerPort, PathMatch match)
        {
            string towards = Scheme ?? scheme;
            int wellKnown = string.Equals(towards, "https", StringComparison.OrdinalIgnoreCase) ? 443 : 80;
            int port = Port ?? (Scheme is null ? listenerPort : wellKnown);
            ReadOnlySpan<char> host = Hostname is null ? request.Host : Hostname;
            string path = Path?.Apply(request.Path, match) ?? request.Path.ToString();
            string authority = port == wellKnown ? host.ToString() : $"{host}:{port}";
            return request.Query.IsEmpty ? $"{towards}://{authority}{path}" : $"{towards}://{authority}{path}?{request.Query}";
        }
    }

    /// <summary>Changes what the backend is asked for; null keeps what the request has.</summary>
    public sealed record UrlRewrite(string? Hostname, PathChange? Path) : HttpFilter;

    /// <summary>Sends a copy of a share of the requests elsewhere, whose answers nobody sees.</summary>
    /// <param name="Target">Where to.</param>
    /// <param name="Numerator">Of <paramref name="Denominator"/> requests so many are copied.</param>
    /// <param name="Denominator">See <paramref name="Numerator"/>.</param>
    public sealed record Mirror(HttpBackend Target, int Numerator = 100, int Denominator = 100) : HttpFilter
    {
        /// <summary>Whether one request is copied.</summary>
        /// <param name="draw">A random number from 0 to 1, without 1.</param>
        public bool Takes(double draw) => Target.Service is not null && draw * Denominator < Numerator;
    }

    /// <summary>Tells browsers which origins may use the answers.</summary>
    public sealed record Cors(CorsPolicy Policy) : HttpFilter;

    /// <summary>A filter that cannot be made sense of: what it is for is answered with 500.</summary>
    public sealed record Unusable(string Reason) : HttpFilter;
}

/// <summary>What is done to headers: one action for each name, set before added before removed.</summary>
public sealed record HeaderChange
{
    /// <summary>Headers that get this value in place of any they had.</summary>
    public ValueArray<HeaderValue> Set { get; init; } = [];

    /// <summary>Values added to those that headers have.</summary>
    public ValueArray<HeaderValue> Add { get; init; } = [];

    /// <summary>Headers taken away.</summary>
    public ValueArray<string> Remove { get; init; } = [];
}

/// <summary>A header and its value.</summary>
public sealed record HeaderValue(string Name, string Value);
