namespace Ztunnel.Resources;

/// <summary>Where Kubernetes objects come from: a directory of manifests, or the Kubernetes API.</summary>
public interface IResourceSource
{
    /// <summary>
    /// Tells every object there is, then <see cref="ResourceEvent.Synced"/>, then every change, until cancelled. A source is
    /// watched once. A mistake in an object or a file, or a loss of the source once it has been read, is told as a
    /// <see cref="ResourceEvent.Report"/> and the watch goes on with what was known.
    /// </summary>
    IAsyncEnumerable<ResourceEvent> Watch(CancellationToken cancellationToken);
}
