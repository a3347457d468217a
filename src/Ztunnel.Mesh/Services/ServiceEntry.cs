using System.Net;

namespace Ztunnel.Mesh;

/// <summary>What a <see cref="Service"/> that is a host of Istio's <c>ServiceEntry</c> has beyond a Kubernetes Service. Compared by content.</summary>
public sealed record ServiceEntry
{
    /// <summary>The name of the object, in the service's namespace. Several hosts may be one object's.</summary>
    public required string Name { get; init; }

    /// <summary>When it was created, where that is known: of two that stand for the same the older counts.</summary>
    public DateTimeOffset? Created { get; init; }

    /// <summary>The namespaces whose clients it is there for (<c>exportTo</c>); <c>*</c> stands for all, and so does none.</summary>
    public ValueArray<string> ExportTo { get; init; } = [];

    /// <summary>The blocks of addresses that are its virtual addresses, beside single ones.</summary>
    public ValueArray<IPNetwork> Ranges { get; init; } = [];

    /// <summary>Whether clients get the very address they asked for (<c>resolution: NONE</c>).</summary>
    public bool OriginalDestination { get; init; }

    /// <summary>The names that its endpoints are found by, in DNS; none where addresses are given.</summary>
    public ValueArray<string> Names { get; init; } = [];

    /// <summary>The names of which the server's certificate is to have one.</summary>
    public ValueArray<string> SubjectAltNames { get; init; } = [];

    /// <summary>Whether clients in <paramref name="client"/> know of it, being itself in <paramref name="own"/>. Null stands for nobody in particular.</summary>
    internal bool IsVisible(string own, string? client)
    {
        if (ExportTo.Count == 0 || client is null)
            return true;
        foreach (string exported in ExportTo.AsSpan())
        {
            if (exported is "*" || string.Equals(exported, client, StringComparison.Ordinal) || (exported is "." && string.Equals(own, client, StringComparison.Ordinal)))
                return true;
        }

        return false;
    }
}
