namespace Ztunnel.Proxy;

/// <summary>When an endpoint that cannot be connected to is passed over, and for how long.</summary>
public sealed record EjectionOptions
{
    /// <summary>Failed connects in a row, on any loop, after which an endpoint is passed over.</summary>
    public int Failures { get; init; } = 3;

    /// <summary>For how long it is passed over the first time; twice as long each further time.</summary>
    public TimeSpan First { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>The most that grows to.</summary>
    public TimeSpan Most { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>
    /// Over what time it gets its full share again after that. One failure meanwhile and it is passed over anew; without one its
    /// past is forgotten.
    /// </summary>
    public TimeSpan Return { get; init; } = TimeSpan.FromSeconds(30);
}
