namespace Ztunnel.Mesh;

/// <summary>What an <see cref="IEndpointPicker"/> is to choose from, and how.</summary>
public readonly ref struct EndpointChoice
{
    /// <summary>The endpoints that would do equally well. One without a <see cref="Endpoint.Route"/> cannot be used.</summary>
    public required ReadOnlySpan<Endpoint> Candidates { get; init; }

    /// <summary>
    /// What the client is to be recognised by where it should get the same endpoint each time (<c>sessionAffinity: ClientIP</c>);
    /// null where any will do.
    /// </summary>
    public ulong? Affinity { get; init; }

    /// <summary>Whether even an endpoint has to be used that is better passed over: there is no other.</summary>
    public bool LastResort { get; init; }

    /// <summary>Whether the model has nothing against an endpoint: it can be reached, and its node is well unless there is no other.</summary>
    public bool Allows(Endpoint candidate) => candidate.Route is not null && (LastResort || !candidate.OnFailingNode);
}
