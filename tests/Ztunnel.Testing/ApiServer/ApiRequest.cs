namespace Ztunnel.Testing;

/// <summary>What a request to an <see cref="ApiServer"/> asks for, as faults and counters see it.</summary>
/// <param name="Verb">get, list, watch, create, update, patch, delete or deletecollection.</param>
/// <param name="Resource">Such as <c>pods</c> or <c>gateways.gateway.networking.k8s.io</c>; empty for what is no object (discovery).</param>
/// <param name="Namespace">The namespace of the path, or empty.</param>
/// <param name="Name">The name of the path, or empty.</param>
/// <param name="Path">The path.</param>
public sealed record ApiRequest(string Verb, string Resource, string Namespace, string Name, string Path);
