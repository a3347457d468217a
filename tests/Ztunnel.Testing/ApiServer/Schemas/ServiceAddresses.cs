using System.Net;
using System.Net.Sockets;
using System.Numerics;
using System.Text.Json.Nodes;

namespace Ztunnel.Testing.Api;

/// <summary>
/// Gives Services their addresses and node ports and keeps those they have. An address is not given twice, also not when its Service has gone.
/// Under the gate of the <see cref="Store"/>.
/// </summary>
internal sealed class ServiceAddresses(IReadOnlyList<IPNetwork> ranges)
{
    private const int FirstNodePort = 30000, FirstHost = 10;
    private readonly HashSet<string> _taken = new(StringComparer.Ordinal);
    private readonly int[] _next = [.. ranges.Select(_ => FirstHost)];
    private int _nextPort = FirstNodePort;

    /// <summary>Completes a Service that is new, or changes from <paramref name="before"/>.</summary>
    public void Complete(JsonObject value, JsonObject? before)
    {
        JsonObject spec = value["spec"]!.AsObject();
        JsonObject? old = before?["spec"] as JsonObject;
        string type = (string?)spec["type"] ?? "";
        if (type == "ExternalName")
        {
            foreach (string name in (string[])["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "internalTrafficPolicy"])
                spec.Remove(name);
            return;
        }

        KeepOld(spec, old);
        spec["internalTrafficPolicy"] ??= "Cluster";
        GiveAddresses(spec);
        GivePorts(spec, old, type is "NodePort" or "LoadBalancer");
        if (type == "LoadBalancer")
            spec["allocateLoadBalancerNodePorts"] ??= true;
        else
            spec.Remove("allocateLoadBalancerNodePorts");
        if (type == "ClusterIP")
            spec.Remove("externalTrafficPolicy");
        else
            spec["externalTrafficPolicy"] ??= "Cluster";
    }

    private static void KeepOld(JsonObject spec, JsonObject? old)
    {
        if (old is null || (string?)old["type"] == "ExternalName")
            return;
        foreach (string name in (string[])["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"])
            spec[name] ??= old[name]?.DeepClone();
    }

    private void GiveAddresses(JsonObject spec)
    {
        string policy = (string?)spec["ipFamilyPolicy"] ?? "SingleStack";
        spec["ipFamilyPolicy"] = policy;
        string given = (string?)spec["clusterIP"] ?? (string?)(spec["clusterIPs"] as JsonArray)?.FirstOrDefault() ?? "";
        if (given.Length > 0 && spec["clusterIPs"] is not JsonArray { Count: > 0 })
            spec["clusterIPs"] = new JsonArray(given);
        if (spec["ipFamilies"] is not JsonArray { Count: > 0 } families)
            spec["ipFamilies"] = families = [Family(FamilyOf(given))];
        if (policy != "SingleStack" && families.Count == 1 && ranges.Count > 1)
            families.Add((string?)families[0] == "IPv4" ? "IPv6" : "IPv4");
        if (given == "None")
        {
            spec["clusterIP"] = given;
            return;
        }

        JsonArray addresses = spec["clusterIPs"] as JsonArray ?? [];
        foreach (JsonNode? address in addresses)
            _taken.Add((string?)address ?? "");
        string[] wanted = [.. families.Select(family => (string?)family ?? "")];
        foreach (string family in wanted.Skip(addresses.Count))
            addresses.Add(Next(family));
        if (addresses.Parent is null)
            spec["clusterIPs"] = addresses;
        spec["clusterIP"] = addresses[0]?.DeepClone();
    }

    private void GivePorts(JsonObject spec, JsonObject? old, bool wanted)
    {
        foreach (JsonObject port in (spec["ports"] as JsonArray ?? []).OfType<JsonObject>())
        {
            if (!wanted)
            {
                port.Remove("nodePort");
                continue;
            }

            JsonNode? before = (old?["ports"] as JsonArray)?.FirstOrDefault(known =>
                JsonNode.DeepEquals(known?["port"], port["port"]) && JsonNode.DeepEquals(known?["protocol"], port["protocol"]));
            port["nodePort"] ??= before?["nodePort"]?.DeepClone() ?? _nextPort++;
        }
    }

    private AddressFamily FamilyOf(string given)
    {
        if (given is "" or "None")
            return ranges[0].BaseAddress.AddressFamily;
        return IPAddress.TryParse(given, out IPAddress? address)
            ? address.AddressFamily
            : throw ApiFailure.Invalid(CoreKinds.Services, "", [new Cause(
                "FieldValueInvalid",
                $"Invalid value: [\"{given}\"]: must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)",
                "spec.clusterIPs[0]")]);
    }

    private string Next(string family)
    {
        int range = ranges.ToList().FindIndex(network => Family(network.BaseAddress.AddressFamily) == family);
        if (range < 0)
            throw ApiFailure.BadRequest($"spec.ipFamilies: Invalid value: \"{family}\": not configured on this cluster");
        for (; ; )
        {
            byte[] bytes = ranges[range].BaseAddress.GetAddressBytes();
            BigInteger number = new BigInteger(bytes, isUnsigned: true, isBigEndian: true) + _next[range]++;
            byte[] sum = number.ToByteArray(isUnsigned: true, isBigEndian: true);
            byte[] full = new byte[bytes.Length];
            sum.CopyTo(full, full.Length - sum.Length);
            string address = new IPAddress(full).ToString();
            if (_taken.Add(address))
                return address;
        }
    }

    private static string Family(AddressFamily family) => family == AddressFamily.InterNetwork ? "IPv4" : "IPv6";
}
