using Ztunnel.Mesh;

namespace Ztunnel.Resources;

/// <summary>Reads the body of a DestinationRule by the rules of Istio's own validation.</summary>
internal static class DestinationRuleReader
{
    public static DestinationRuleObject Read(ObjectMetadata metadata, Field root)
    {
        Field spec = root["spec"], policy = spec["trafficPolicy"];
        var unused = new List<string>();
        var rule = new DestinationRuleObject
        {
            Metadata = metadata,
            Host = spec["host"].RequiredText(HostFault) ?? "",
            ExportTo = ExportToReader.Read(spec["exportTo"]),
            Selector = spec["workloadSelector"].Present ? spec["workloadSelector"]["matchLabels"].Strings() : null,
            Policy = TrafficPolicyReader.Read(policy, unused),
            Ports = [.. policy["portLevelSettings"].Items().Select(port => ReadPort(port, unused)).OfType<PortTrafficPolicy>()],
            Subsets = [.. spec["subsets"].Items().Select(subset => ReadSubset(subset, unused)).OfType<Subset>()],
        };
        Check(spec, rule);
        if (rule.Subsets.Count > 0)
            unused.Add("spec.subsets (no route leads to one)");
        return rule with { NotEnforced = [.. unused] };
    }

    private static PortTrafficPolicy? ReadPort(Field field, List<string> unused)
    {
        if (!field["port"]["number"].Present)
            field["port"]["number"].Problem("is required");
        TrafficPolicy policy = TrafficPolicyReader.Read(field, unused);
        return field["port"]["number"].PortNumber() is { } number ? new PortTrafficPolicy(number, policy) : null;
    }

    private static Subset? ReadSubset(Field field, List<string> unused)
    {
        TrafficPolicy? policy = field["trafficPolicy"].Present ? TrafficPolicyReader.Read(field["trafficPolicy"], unused) : null;
        foreach (Field port in field["trafficPolicy"]["portLevelSettings"].Items())
            _ = ReadPort(port, unused);
        StringMap labels = field["labels"].Strings();
        return field["name"].RequiredText(KubernetesSyntax.LabelFault) is { } name ? new Subset(name, labels, policy) : null;
    }

    private static void Check(Field spec, DestinationRuleObject rule)
    {
        foreach (IGrouping<ushort, PortTrafficPolicy> twice in rule.Ports.GroupBy(port => port.Port).Where(group => group.Count() > 1))
            spec["trafficPolicy"]["portLevelSettings"].Problem($"says two things of port {twice.Key}");
        foreach (IGrouping<string, Subset> twice in rule.Subsets.GroupBy(subset => subset.Name, StringComparer.Ordinal).Where(group => group.Count() > 1))
            spec["subsets"].Problem($"has two named {twice.Key}");
        if (rule.Selector is not null && rule.ExportTo.Any(name => name is not "." && !string.Equals(name, rule.Metadata.Namespace, StringComparison.Ordinal)))
            spec["exportTo"].Problem("may not name other namespaces beside workloadSelector, which is about the rule's own");
    }

    private static string? HostFault(string host)
    {
        string bare = host.StartsWith("*.", StringComparison.Ordinal) ? host[2..] : host;
        return bare is "*" ? null : KubernetesSyntax.SubdomainFault(bare);
    }
}
