namespace Ztunnel.Diagnostics;

/// <summary>What the status of an object of Gateway API or of Istio's is to say, in the words of its <c>status</c>.</summary>
public sealed record StatusDump
{
    /// <summary>The kind of the object.</summary>
    public required string Kind { get; init; }

    /// <summary>The object, <c>namespace/name</c>, or its name where its kind has no namespaces.</summary>
    public required string Object { get; init; }

    /// <summary>The generation of the object that was judged; absent where its source gives none.</summary>
    public long? ObservedGeneration { get; init; }

    /// <summary>The object's own conditions; absent for a route, which has them for each parent.</summary>
    public IReadOnlyList<ConditionDump>? Conditions { get; init; }

    /// <summary>Where a Gateway is reached; the addresses that stand for a ServiceEntry's hosts, each with its host.</summary>
    public IReadOnlyList<string>? Addresses { get; init; }

    /// <summary>A Gateway's listeners.</summary>
    public IReadOnlyList<ListenerStatusDump>? Listeners { get; init; }

    /// <summary>How a route stands with its parents.</summary>
    public IReadOnlyList<ParentStatusDump>? Parents { get; init; }
}

/// <summary>A condition of a status.</summary>
public sealed record ConditionDump(string Type, string Status, string Reason, string Message);

/// <summary>How a listener of a Gateway stands.</summary>
/// <param name="Name">Its name.</param>
/// <param name="SupportedKinds">The kinds of routes that may attach.</param>
/// <param name="AttachedRoutes">How many routes are attached.</param>
/// <param name="Conditions">Its conditions.</param>
public sealed record ListenerStatusDump(string Name, IReadOnlyList<string> SupportedKinds, int AttachedRoutes, IReadOnlyList<ConditionDump> Conditions);

/// <summary>How a route stands with a parent.</summary>
/// <param name="Parent">The parent, <c>Gateway namespace/name</c>, with listener and port where the route names them.</param>
/// <param name="ControllerName">Whose parent it is.</param>
/// <param name="Conditions">Its conditions.</param>
public sealed record ParentStatusDump(string Parent, string ControllerName, IReadOnlyList<ConditionDump> Conditions);
