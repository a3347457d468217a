namespace Ztunnel.Kubernetes;

/// <summary>How a <see cref="ResourceWatch"/> watches.</summary>
public sealed record ResourceWatchOptions
{
    /// <summary>
    /// Whether to ask for a table (meta/v1 Table) in place of the objects: their metadata and the columns that kubectl shows,
    /// which is far less.
    /// </summary>
    public bool AsTable { get; init; }

    /// <summary>Whether to have the server stream what is there at the beginning of a watch (1.32 and later), where it does.</summary>
    public bool StreamingLists { get; init; } = true;

    /// <summary>How many objects a page of a list has, at most.</summary>
    public int PageSize { get; init; } = 500;

    /// <summary>How long one watch is asked for, at least; each is asked for up to half as long again, so that they do not end together.</summary>
    public TimeSpan WatchFor { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>How long an answer may be silent. Servers send a bookmark about every minute.</summary>
    public TimeSpan Silence { get; init; } = TimeSpan.FromSeconds(150);

    /// <summary>The wait after a first failure; it doubles with each, and each is spread by half.</summary>
    public TimeSpan FirstDelay { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>The longest wait.</summary>
    public TimeSpan LongestDelay { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// For how long a kind must be unknown to the server before its objects are told as gone. A server that is starting does
    /// not know all kinds yet, and policies are not to be dropped for that.
    /// </summary>
    public TimeSpan GoneAfter { get; init; } = TimeSpan.FromMinutes(1);
}
