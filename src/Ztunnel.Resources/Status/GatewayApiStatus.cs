using Ztunnel.Mesh;

namespace Ztunnel.Resources;

/// <summary>What the <c>status</c> of an object of Gateway API or of Istio's is to say. Compared by content.</summary>
public sealed record GatewayApiStatus
{
    /// <summary>Which object it is about.</summary>
    public required ObjectKey Object { get; init; }

    /// <summary>Which object of that name: its <c>metadata.uid</c>; null in manifests written by hand.</summary>
    public string? Uid { get; init; }

    /// <summary>The generation of the object that was judged (<c>observedGeneration</c>).</summary>
    public long Generation { get; init; }

    /// <summary>That of an object of which nothing is said yet.</summary>
    public static GatewayApiStatus Of(KubernetesObject @object)
    {
        ArgumentNullException.ThrowIfNull(@object);
        return new GatewayApiStatus { Object = @object.Key, Uid = @object.Metadata.Uid, Generation = @object.Metadata.Generation };
    }

    /// <summary>The conditions of the object itself; none for a route, which has them for each parent.</summary>
    public ValueArray<StatusCondition> Conditions { get; init; } = [];

    /// <summary>Where a Gateway is reached.</summary>
    public ValueArray<GatewayAddress> Addresses { get; init; } = [];

    /// <summary>The addresses that stand for a ServiceEntry's hosts, which have none of their own.</summary>
    public ValueArray<AssignedAddress> AssignedAddresses { get; init; } = [];

    /// <summary>A Gateway's listeners, as many as its <c>spec</c> has.</summary>
    public ValueArray<ListenerStatus> Listeners { get; init; } = [];

    /// <summary>How a route stands with those of its parents that are ours.</summary>
    public ValueArray<ParentStatus> Parents { get; init; } = [];
}

/// <summary>How a listener stands.</summary>
public sealed record ListenerStatus
{
    /// <summary>Its name.</summary>
    public required string Name { get; init; }

    /// <summary>The kinds of routes that may attach.</summary>
    public ValueArray<AllowedKind> SupportedKinds { get; init; } = [];

    /// <summary>How many routes are attached.</summary>
    public int AttachedRoutes { get; init; }

    /// <summary>The conditions.</summary>
    public ValueArray<StatusCondition> Conditions { get; init; } = [];
}

/// <summary>How a route stands with one of its parents.</summary>
/// <param name="Parent">The parent, as the route names it.</param>
/// <param name="ControllerName">Who says so.</param>
/// <param name="Conditions">The conditions.</param>
public sealed record ParentStatus(ParentReference Parent, string ControllerName, ValueArray<StatusCondition> Conditions);
