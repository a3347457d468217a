using System.Net;
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
/// is being, by itself or with its namespace. An uninstallation takes the agent's rights away as well, and often before it ends: so that
/// who could read the DaemonSet at the start may do so no more says the same. What cannot be learnt means no.
/// </summary>
internal sealed partial class OwnDaemonSet
{
    /// <summary>How long an answer may take: an agent that ends has other things to do.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(4);

    private readonly ApiClient _api;
    private readonly DaemonSetName _name;
    private readonly ILogger _logger;
    private readonly Task<bool> _wasThere;

    /// <summary>Looks whether it is there, as it has to be for its absence to mean anything.</summary>
    public OwnDaemonSet(ApiClient api, DaemonSetName name, ILogger logger, CancellationToken stop)
    {
        _api = api;
        _name = name;
        _logger = logger;
        _wasThere = WasThere(stop);
    }

    /// <summary>Whether the mesh is being uninstalled, as far as that can be learnt in a few seconds.</summary>
    public async Task<bool> IsGone()
    {
        using var limit = new CancellationTokenSource(Patience);
        try
        {
            if (!await _wasThere.WaitAsync(limit.Token))
                return false;
            JsonNode set = await _api.Get(Path, limit.Token);
            bool leaves = IsLeaving(set) || IsLeaving(await _api.Get(ApiResource.Namespaces.Named("", _name.Namespace), limit.Token));
            if (leaves)
                LogUninstalled(_name, "it is being deleted");
            return leaves;
        }
        catch (ApiException answer) when (answer.Code is HttpStatusCode.NotFound or HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden)
        {
            LogUninstalled(_name, answer.Message);
            return true;
        }
        catch (Exception unknown) when (unknown is IOException or OperationCanceledException)
        {
            LogUnknown(_name, unknown.Message);
            return false;
        }
    }

    private ApiPath Path => ApiResource.DaemonSets.Named(_name.Namespace, _name.Name);

    private static bool IsLeaving(JsonNode read) => read["metadata"]?["deletionTimestamp"] is not null;

    private async Task<bool> WasThere(CancellationToken stop)
    {
        try
        {
            await _api.Get(Path, stop);
            return true;
        }
        catch (IOException failure)
        {
            LogNotThere(_name, failure.Message);
            return false;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "DaemonSet {Name} cannot be read: should it be deleted, the CNI plugin will stay on the node: {Reason}")]
    private partial void LogNotThere(DaemonSetName name, string reason);

    [LoggerMessage(Level = LogLevel.Information, Message = "the mesh is being uninstalled, with DaemonSet {Name}: {Reason}")]
    private partial void LogUninstalled(DaemonSetName name, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "whether DaemonSet {Name} is being deleted could not be learnt, and the CNI plugin stays on the node: {Reason}")]
    private partial void LogUnknown(DaemonSetName name, string reason);
}
