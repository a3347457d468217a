using System.Text.Json.Nodes;
using System.Threading.Channels;

namespace Ztunnel.Testing.Cluster;

/// <summary>
/// A controller of a cluster: looks at all there is, whenever something has changed, and does what is missing. It works through the
/// API alone, as the real ones do.
/// </summary>
internal abstract class StandIn(ClusterApi api, ClusterCache cache)
{
    /// <summary>How long it waits before it looks again at what could not be done.</summary>
    private static readonly TimeSpan Again = TimeSpan.FromMilliseconds(250);

    protected ClusterApi Api => api;

    protected ClusterCache Cache => cache;

    public async Task Run(CancellationToken cancellationToken)
    {
        ChannelReader<bool> changes = cache.Listen();
        try
        {
            while (await changes.WaitToReadAsync(cancellationToken))
            {
                while (changes.TryRead(out _))
                {
                }

                while (!await TryReconcile(cancellationToken))
                    await Task.Delay(Again, cancellationToken);
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // The cluster ends.
        }
    }

    /// <summary>Brings about what is to be; what is there already costs no request.</summary>
    protected abstract Task Reconcile(CancellationToken cancellationToken);

    protected async Task Create(ClusterKind kind, string @namespace, JsonObject body, CancellationToken cancellationToken) =>
        cache.Put(kind, await api.Create(kind.In(@namespace), body, cancellationToken));

    protected async Task Patch(
        ClusterKind kind, ClusterObject target, JsonObject patch, CancellationToken cancellationToken, string part = "") =>
        cache.Put(kind, await api.Patch(kind.Named(target.Namespace, target.Name, part), patch, cancellationToken));

    /// <summary>Writes a status where it differs from the one that is there.</summary>
    protected async Task PatchStatus(
        ClusterKind kind, ClusterObject target, JsonObject status, CancellationToken cancellationToken)
    {
        if (status.Any(field => !JsonNode.DeepEquals(field.Value, target.Status?[field.Key])))
            await Patch(kind, target, new() { ["status"] = status }, cancellationToken, "status");
    }

    protected async Task Delete(ClusterKind kind, ClusterObject target, CancellationToken cancellationToken)
    {
        try
        {
            await api.Delete(kind.Named(target.Namespace, target.Name), target.Uid, null, cancellationToken);
        }
        catch (ClusterApiException gone) when (gone.IsRace)
        {
            // Somebody else did, or it is another of its name by now.
        }
    }

    private async Task<bool> TryReconcile(CancellationToken cancellationToken)
    {
        try
        {
            await Reconcile(cancellationToken);
            return true;
        }
        catch (Exception exception) when (exception is HttpRequestException or IOException or ClusterApiException { IsRace: true })
        {
            return false;
        }
        catch (ClusterApiException refused) when ((int)refused.Code >= 429)
        {
            return false;
        }
    }
}
