using System.Text.Json.Nodes;
using Ztunnel.Kubernetes;

namespace Ztunnel.Control;

/// <summary>One of the objects that a Gateway is to have, as it is applied: with the fields that are ours and no others.</summary>
/// <param name="Resource">What it is.</param>
/// <param name="Namespace">Its namespace: the Gateway's, but for rights to what is in another.</param>
/// <param name="Name">Its name.</param>
/// <param name="Body">The whole object, without status.</param>
public sealed record MadeObject(ApiResource Resource, string Namespace, string Name, JsonObject Body)
{
    /// <summary>Its namespace and name.</summary>
    internal ObjectName ObjectName => new(Namespace, Name);

    /// <summary>The form messages use: <c>Deployment namespace/name</c>.</summary>
    public override string ToString() => $"{Resource.Kind} {Namespace}/{Name}";
}
