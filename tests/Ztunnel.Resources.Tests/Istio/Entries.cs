namespace Ztunnel.Resources.Tests;

/// <summary>Short ways to ServiceEntries.</summary>
internal static class Entries
{
    /// <summary>A ServiceEntry of port 80 named http; <paramref name="spec"/> is what it has beside hosts and ports.</summary>
    public static string Entry(
        string name, string hosts, string spec = "", string @namespace = "default", string metadata = "", string ports = "{number: 80, name: http, protocol: HTTP}") => $$"""
        apiVersion: networking.istio.io/v1
        kind: ServiceEntry
        metadata: {name: {{name}}, namespace: {{@namespace}}{{(metadata.Length == 0 ? "" : ", " + metadata)}} }
        spec: {hosts: [{{hosts}}], ports: [{{ports}}]{{(spec.Length == 0 ? "" : ", " + spec)}} }

        """;

    public static string Workload(string name, string address, string spec = "", string @namespace = "default") => $$"""
        apiVersion: networking.istio.io/v1
        kind: WorkloadEntry
        metadata: {name: {{name}}, namespace: {{@namespace}} }
        spec: {address: {{address}}{{(spec.Length == 0 ? "" : ", " + spec)}} }

        """;

    /// <summary>The status of an object: its conditions, and what it says of addresses.</summary>
    public static string Standing(this World world, ObjectKind kind, string name, string @namespace = "default")
    {
        GatewayApiStatus status = world.Translator.Inventory.StatusOf(new ObjectKey(kind, @namespace, name))!;
        return string.Join(' ', status.Conditions.Select(condition => condition.Status ? $"{condition.Type}" : $"{condition}"));
    }
}
