namespace Ztunnel.Deploy.Tests;

/// <summary>Values that people may give the chart, from one end to the other.</summary>
internal static class ExampleValues
{
    /// <summary>The chart's own.</summary>
    public const string Defaults = "";

    public const string EverythingOn = """
        image:
          repository: registry.example:5000/team/ztunnel
          tag: v1.2.3_4
          digest: sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
          pullPolicy: Always
          pullSecrets: [registry, registry-2]
        trustDomainAliases: [old.example, older.example]
        log: {level: "info,capture=debug", access: json}
        node:
          releaseOnExit: true
          excludeNamespaces: [kube-system, kube-public]
          discoverySelectors: [istio-discovery=enabled, "team in (a, b)"]
          extraArgs: [--waypoint-bypass=allow]
          podLabels: {team: mesh}
          podAnnotations: {example.com/note: "a: b # c"}
          seLinuxOptions: {type: spc_t}
          maxSurge: 25%
        controller:
          replicas: 3
          tolerations: [{key: CriticalAddonsOnly, operator: Exists}]
          affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: kubernetes.io/arch, operator: In, values: [amd64]}]}]}}}
          podLabels: {team: mesh}
          podAnnotations: {example.com/note: "1"}
        admissionPolicy: {enabled: true}
        podMonitor: {enabled: true, interval: 1m, labels: {release: prometheus}}
        resourceQuota: {enabled: true}
        """;

    public const string EverythingOff = """
        ca: {address: "istiod.istio-system.svc:15012"}
        cni: {enabled: false}
        controller: {enabled: false}
        podDisruptionBudget: {enabled: false}
        log: {access: none}
        node: {probes: none, excludeNamespaces: [], sameNode: tunnel, tolerations: [], nodeSelector: {}}
        """;

    /// <summary>What YAML would read as something else, or breaks where quotes are missing.</summary>
    public const string OddNames = """
        trustDomain: "1e3"
        log: {level: "info # quiet"}
        image: {repository: "10", tag: "1.0", pullSecrets: ["007"]}
        node:
          runDirectory: "/var/lib/my mesh #1/run"
          priorityClassName: "1e3"
          extraArgs: ["--waypoint-bypass=allow"]
          podLabels: {"odd": "true", "number": "0x10"}
          podAnnotations: {"note": "no"}
        controller: {priorityClassName: "null"}
        resourceQuota: {enabled: true}
        """;

    public static TheoryData<string, string> All => new()
    {
        { nameof(Defaults), Defaults },
        { nameof(EverythingOn), EverythingOn },
        { nameof(EverythingOff), EverythingOff },
        { nameof(OddNames), OddNames },
    };
}
