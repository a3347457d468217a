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

    /// <summary>
    /// The status that an object has at the server: told before the object, and of each version of it, whether the object can be read
    /// or not. Only a source that is asked for statuses tells them.
    /// </summary>
    public sealed record Status(ObjectKey Key, ServedStatus Served) : ResourceEvent;

    /// <summary>The state of one of the source's parts, such as a file, in place of what was told of it before.</summary>
    public sealed record Report(SourceReport Source) : ResourceEvent;

    /// <summary>Everything that was there at the start has been told. Comes once.</summary>
    public sealed record Synced : ResourceEvent;
}
