namespace Ztunnel.Resources;

/// <summary>What an <see cref="IResourceSource"/> tells.</summary>
public abstract record ResourceEvent
{
    private ResourceEvent()
    {
    }

    /// <summary>An object is there, new or changed, or it has moved to another place in its file.</summary>
    public sealed record Put(KubernetesObject Object, Origin Origin) : ResourceEvent;

    /// <summary>An object is there no more.</summary>
    public sealed record Remove(ObjectKey Key) : ResourceEvent;

    /// <summary>The state of one of the source's parts, such as a file, in place of what was told of it before.</summary>
    public sealed record Report(SourceReport Source) : ResourceEvent;

    /// <summary>Everything that was there at the start has been told. Comes once.</summary>
    public sealed record Synced : ResourceEvent;
}
