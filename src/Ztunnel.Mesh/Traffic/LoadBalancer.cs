namespace Ztunnel.Mesh;

/// <summary>Which endpoint has a request (<c>loadBalancer</c>).</summary>
public sealed record LoadBalancer
{
    /// <summary>How it is found.</summary>
    public LoadBalancing Algorithm { get; init; }

    /// <summary>By what requests are told apart that are to go to one endpoint while it is there; null where any will do.</summary>
    public HashKey? Hash { get; init; }
}

/// <summary>How an endpoint is found.</summary>
public enum LoadBalancing
{
    /// <summary>Of two at random the one with fewer requests (<c>LEAST_REQUEST</c>, and what is not said).</summary>
    LeastRequests,

    /// <summary>One after the other (<c>ROUND_ROBIN</c>).</summary>
    RoundRobin,

    /// <summary>At random (<c>RANDOM</c>).</summary>
    Random,

    /// <summary>The address the client asked for (<c>PASSTHROUGH</c>).</summary>
    Passthrough,
}

/// <summary>By what requests are told apart (<c>consistentHash</c>). A request without it goes to any endpoint.</summary>
public abstract record HashKey
{
    private HashKey()
    {
    }

    /// <summary>A header of the request.</summary>
    public sealed record Header(string Name) : HashKey;

    /// <summary>A cookie.</summary>
    /// <param name="Name">Its name.</param>
    /// <param name="Path">The path it is made for; null for none.</param>
    /// <param name="Lifetime">A client without it is given one for so long, zero for as long as its browser runs; null: it is given none.</param>
    public sealed record Cookie(string Name, string? Path, TimeSpan? Lifetime) : HashKey;

    /// <summary>The client's address.</summary>
    public sealed record SourceIp : HashKey;

    /// <summary>A parameter of the query.</summary>
    public sealed record QueryParameter(string Name) : HashKey;
}
