using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging;
using Ztunnel.Kubernetes;

namespace Ztunnel;

/// <summary>The DaemonSet that an agent is a pod of.</summary>
public sealed record DaemonSetName(string Namespace, string Name)
{
    /// <summary>Reads <c>namespace/name</c>; null where that is not what it says.</summary>
    public static DaemonSetName? Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return text.Split('/') is [{ Length: > 0 } @namespace, { Length: > 0 } name] ? new DaemonSetName(@namespace, name) : null;
    }

    /// <inheritdoc/>
    public override string ToString() => $"{Namespace}/{Name}";
}

/// <summary>
/// Tells an agent that ends whether the mesh is being uninstalled, so that no other will follow it: its DaemonSet has been deleted, or
/// is being, by itself or with its namespace. What cannot be learnt means no.
/// </summary>
/// <remarks>
/// Both are watched for the agent's life. An uninstallation often takes the service account before the DaemonSet, and an agent whose
/// own pod is deleted by force is nobody to the API server either: so that it is not known any more says nothing. But a watch that
/// is open tells to its end what happens.
/// </remarks>
internal sealed partial class OwnDaemonSet : IAsyncDisposable
{
    /// <summary>How long an answer may take: an agent that ends has other things to do.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(4);

    private readonly ApiClient _api;
    private readonly DaemonSetName _name;
    private readonly ILogger _logger;
    private readonly CancellationTokenSource _stopping = new();
    private readonly Task _watching;
    private volatile Standing _set = Standing.Unknown;
    private volatile Standing _namespace = Standing.Unknown;

    /// <summary>Begins to watch.</summary>
    public OwnDaemonSet(ApiClient api, DaemonSetName name, ILogger logger)
    {
        _api = api;
        _name = name;
        _logger = logger;
        _watching = Task.WhenAll(
            Watch(ApiResource.DaemonSets.In(name.Namespace), name.Name, NoteSet),
            Watch(ApiResource.Namespaces.All(), name.Namespace, (standing, _) => _namespace = standing ?? _namespace));
    }

    /// <summary>How an object stands, as far as is known.</summary>
    private enum Standing
    {
        /// <summary>That could not be learnt.</summary>
        Unknown,

        /// <summary>We may not ask.</summary>
        Forbidden,

        /// <summary>It is there, and stays.</summary>
        There,

        /// <summary>It is being deleted.</summary>
        Leaving,

        /// <summary>It is not there.</summary>
        Absent,
    }

    /// <summary>Whether it has been read, as it has to be for its absence to mean anything.</summary>
    public bool IsKnown => _set is not Standing.Unknown;

    /// <summary>Whether the mesh is being uninstalled, as far as that can be learnt in a few seconds.</summary>
    public async Task<bool> IsGone()
    {
        using var limit = new CancellationTokenSource(Patience);
        (Standing Standing, string Reason)[] answers = await Task.WhenAll(
            Ask(ApiResource.DaemonSets.Named(_name.Namespace, _name.Name), limit.Token),
            Ask(ApiResource.Namespaces.Named("", _name.Namespace), limit.Token));
        if (WhyGone(answers[0].Standing, answers[1].Standing) is { } why)
        {
            LogUninstalled(_name, why);
            return true;
        }

        if (answers.FirstOrDefault(answer => answer.Standing is Standing.Unknown or Standing.Forbidden).Reason is { } unknown)
            LogUnknown(_name, unknown);
        return false;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await _watching;
        _stopping.Dispose();
    }

    private string? WhyGone(Standing set, Standing ns)
    {
        if (set is Standing.Leaving || ns is Standing.Leaving)
            return "it is being deleted";
        if (IsKnown && (set is Standing.Absent || ns is Standing.Absent))
            return "it has been deleted";
        // One right alone is lost when a role is replaced; all of them are when the mesh goes.
        if (IsKnown && set is Standing.Forbidden && ns is Standing.Forbidden)
            return "the agent has lost its rights";
        bool told = (set is not Standing.There && _set is Standing.Leaving or Standing.Absent)
            || (ns is not Standing.There && _namespace is Standing.Leaving or Standing.Absent);
        return told ? "its deletion was seen" : null;
    }

    private async Task<(Standing Standing, string Reason)> Ask(ApiPath path, CancellationToken limit)
    {
        try
        {
            JsonNode read = await _api.Get(path, limit);
            return (read["metadata"]?["deletionTimestamp"] is null ? Standing.There : Standing.Leaving, "");
        }
        catch (ApiException answer) when (answer.Code is HttpStatusCode.NotFound or HttpStatusCode.Forbidden)
        {
            return (answer.Code is HttpStatusCode.NotFound ? Standing.Absent : Standing.Forbidden, answer.Message);
        }
        catch (Exception unknown) when (unknown is IOException or OperationCanceledException)
        {
            return (Standing.Unknown, unknown.Message);
        }
    }

    private void NoteSet(Standing? standing, string? failure)
    {
        _set = standing ?? _set;
        if (!IsKnown)
            LogNotThere(_name, failure ?? "it is not there");
    }

    /// <summary>Tells how one object stands whenever that changes, with null where there is no news but that it was looked for, or why it cannot be.</summary>
    private async Task Watch(ApiPath collection, string name, Action<Standing?, string?> tell)
    {
        try
        {
            await foreach (WatchEvent told in new ResourceWatch(_api, collection.With("fieldSelector", $"metadata.name={name}")).Run(_stopping.Token))
            {
                if (told is WatchEvent.Put put)
                    tell(put.Object.GetProperty("metadata").TryGetProperty("deletionTimestamp", out JsonElement _) ? Standing.Leaving : Standing.There, null);
                else if (told is WatchEvent.Remove)
                    tell(Standing.Absent, null);
                else
                    tell(null, (told as WatchEvent.Unavailable)?.Error.Message);
            }
        }
        catch (OperationCanceledException)
        {
            // The agent has ended.
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "DaemonSet {Name} cannot be read: should it be deleted, the CNI plugin will stay on the node: {Reason}")]
    private partial void LogNotThere(DaemonSetName name, string reason);

    [LoggerMessage(Level = LogLevel.Information, Message = "the mesh is being uninstalled, with DaemonSet {Name}: {Reason}")]
    private partial void LogUninstalled(DaemonSetName name, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "whether DaemonSet {Name} is being deleted could not be learnt, and the CNI plugin stays on the node: {Reason}")]
    private partial void LogUnknown(DaemonSetName name, string reason);
}
