namespace Ztunnel.Mesh;

/// <summary>Picks the first endpoint that can be used: for finding out whether there is one.</summary>
internal sealed class FirstReady : IEndpointPicker
{
    public static readonly FirstReady Picker = new();

    public Route? Pick(in EndpointChoice choice)
    {
        foreach (Endpoint candidate in choice.Candidates)
        {
            if (candidate.Route is { } route)
                return route;
        }

        return null;
    }
}
