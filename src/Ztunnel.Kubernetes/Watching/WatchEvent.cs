using System.Text.Json;

namespace Ztunnel.Kubernetes;

/// <summary>What a <see cref="ResourceWatch"/> tells.</summary>
public abstract record WatchEvent
{
    private WatchEvent()
    {
    }

    /// <summary>
    /// An object is there, new or changed. With <see cref="ResourceWatchOptions.AsTable"/> it is a row: its <c>cells</c> and its
    /// <c>object</c>. It may be looked at until the next event is asked for; what is to be kept longer is cloned.
    /// </summary>
    /// <param name="Object">The object as the server sent it.</param>
    /// <param name="Namespace">Its namespace, empty for kinds without.</param>
    /// <param name="Name">Its name.</param>
    public sealed record Put(JsonElement Object, string Namespace, string Name) : WatchEvent;

    /// <summary>An object is there no more.</summary>
    public sealed record Remove(string Namespace, string Name) : WatchEvent;

    /// <summary>
    /// Everything has been told. Comes after the first list, and whenever the server can be followed again; where its watches
    /// always broke, only when something has come of one.
    /// </summary>
    public sealed record Synced : WatchEvent;

    /// <summary>
    /// The collection cannot be read at present: an <see cref="ApiException"/>, where <see cref="ApiException.IsNotFound"/> means
    /// that there is no such kind, or an <see cref="ApiAccessException"/>. What was told stays true as far as is known. It is
    /// tried again, and told again only when the reason becomes another.
    /// </summary>
    public sealed record Unavailable(IOException Error) : WatchEvent;
}
