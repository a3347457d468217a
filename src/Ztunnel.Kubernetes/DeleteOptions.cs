using System.Text.Json.Nodes;

namespace Ztunnel.Kubernetes;

/// <summary>How an object is deleted (meta/v1 DeleteOptions).</summary>
public sealed record DeleteOptions
{
    /// <summary>Only an object of this <c>metadata.uid</c>; another of its name is left alone and gives 409.</summary>
    public string? Uid { get; init; }

    /// <summary>Only this version of it; a later one is left alone and gives 409.</summary>
    public string? ResourceVersion { get; init; }

    /// <summary><c>Background</c>, <c>Foreground</c> or <c>Orphan</c>: what becomes of what it owns; null for the kind's default.</summary>
    public string? PropagationPolicy { get; init; }

    internal JsonObject ToJson()
    {
        var json = new JsonObject { ["apiVersion"] = "v1", ["kind"] = "DeleteOptions" };
        if (PropagationPolicy is not null)
            json["propagationPolicy"] = PropagationPolicy;
        var preconditions = new JsonObject();
        if (Uid is not null)
            preconditions["uid"] = Uid;
        if (ResourceVersion is not null)
            preconditions["resourceVersion"] = ResourceVersion;
        if (preconditions.Count > 0)
            json["preconditions"] = preconditions;
        return json;
    }
}
