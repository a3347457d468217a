using System.Net;
using Ztunnel.Mesh;

namespace Ztunnel.Resources;

/// <summary>Reads the body of a Pod.</summary>
internal static class PodReader
{
    private static readonly Dictionary<string, PodPhase> Phases =
        Enum.GetValues<PodPhase>().ToDictionary(phase => phase.ToString(), StringComparer.Ordinal);

    private static readonly IReadOnlySet<string> OfSpecs = Field.Names(
        "activeDeadlineSeconds", "affinity", "automountServiceAccountToken", "dnsConfig", "dnsPolicy", "enableServiceLinks",
        "ephemeralContainers", "evictionResponders", "hostAliases", "hostIPC", "hostPID", "hostUsers", "hostname", "hostnameOverride",
        "imagePullSecrets", "nodeSelector", "os", "overhead", "preemptionPolicy", "priority", "priorityClassName", "readinessGates",
        "resourceClaims", "resources", "restartPolicy", "runtimeClassName", "schedulerName", "schedulingGates", "schedulingGroup",
        "securityContext", "serviceAccount", "setHostnameAsFQDN", "shareProcessNamespace", "subdomain", "terminationGracePeriodSeconds",
        "tolerations", "topologySpreadConstraints", "volumes", "workloadRef");

    private static readonly IReadOnlySet<string> OfContainers = Field.Names(
        "envFrom", "image", "imagePullPolicy", "lifecycle", "livenessProbe", "readinessProbe", "resizePolicy", "resources", "restartPolicy",
        "restartPolicyRules", "securityContext", "startupProbe", "stdin", "stdinOnce", "terminationMessagePath", "terminationMessagePolicy",
        "tty", "volumeDevices", "volumeMounts", "workingDir");

    private static readonly IReadOnlySet<string> OfVariables = Field.Names("value", "valueFrom");

    private static readonly IReadOnlySet<string> OfPorts = Field.Names("hostIP", "hostPort");

    public static PodObject Read(ObjectMetadata metadata, Field root)
    {
        if (!root.IsServed)
            CheckNetworkNamespace(root["metadata"]["annotations"]);
        Field spec = root["spec"].Also(OfSpecs), status = root["status"];
        return new PodObject
        {
            Metadata = metadata,
            NodeName = spec["nodeName"].Text(KubernetesSyntax.SubdomainFault) ?? "",
            ServiceAccount = ReadServiceAccount(spec),
            HostNetwork = spec["hostNetwork"].Flag() ?? false,
            Containers = [.. ReadContainers(spec)],
            Addresses = [.. ReadAddresses(status)],
            Phase = status["phase"].OneOf(Phases) ?? PodPhase.Running,
            ReadyCondition = status["conditions"].ReadyCondition(),
            HasRunningContainer = ReadRunning(status),
        };
    }

    private static void CheckNetworkNamespace(Field annotations)
    {
        foreach ((string name, Field value) in annotations.Entries())
        {
            if (string.Equals(name, PodObject.NetworkNamespaceAnnotation, StringComparison.Ordinal))
                value.RequiredText(NetworkNamespaceFault);
        }
    }

    private static string? NetworkNamespaceFault(string name)
    {
        bool safe = name.All(c => !char.IsControl(c)) && !name.Split('/').Contains("..", StringComparer.Ordinal);
        return safe && (name[0] == '/' || !name.Contains('/', StringComparison.Ordinal)) ? null : "must be a name or an absolute path";
    }

    private static string ReadServiceAccount(Field spec)
    {
        // serviceAccount is the field's name of old, which API servers still write beside the new one.
        Field account = spec["serviceAccountName"].Present ? spec["serviceAccountName"] : spec["serviceAccount"];
        return account.Text(KubernetesSyntax.SubdomainFault) is { Length: > 0 } name ? name : "default";
    }

    private static IEnumerable<PodContainer> ReadContainers(Field spec)
    {
        foreach (Field container in spec["containers"].Items())
            yield return ReadContainer(container);
        foreach (Field container in spec["initContainers"].Items())
        {
            PodContainer read = ReadContainer(container);
            if (string.Equals(container["restartPolicy"].Text(), "Always", StringComparison.Ordinal))
                yield return read;
        }
    }

    private static PodContainer ReadContainer(Field container) => new()
    {
        Name = container.Also(OfContainers)["name"].RequiredText(KubernetesSyntax.LabelFault) ?? "",
        Command = [.. container["command"].Items().Select(word => word.Text() ?? "")],
        Arguments = [.. container["args"].Items().Select(word => word.Text() ?? "")],
        Environment = ReadEnvironment(container["env"]),
        Ports = [.. ReadPorts(container["ports"])],
    };

    private static StringMap ReadEnvironment(Field environment)
    {
        var variables = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (Field variable in environment.Items())
        {
            if (variable.Also(OfVariables)["name"].RequiredText() is { } name && variable["value"].Text() is { } value)
                variables[name] = value;
        }

        return new StringMap(variables);
    }

    private static IEnumerable<ContainerPort> ReadPorts(Field ports)
    {
        foreach (Field port in ports.Items())
        {
            string name = port.Also(OfPorts)["name"].Text(PortName.ContainerPortFault) ?? "";
            TransportProtocol protocol = port["protocol"].OneOf(PortName.Protocols) ?? TransportProtocol.Tcp;
            if (!port["containerPort"].Present)
                port["containerPort"].Problem("is required");
            else if (port["containerPort"].PortNumber() is { } number)
                yield return new ContainerPort(name, number, protocol);
        }
    }

    private static IEnumerable<IPAddress> ReadAddresses(Field status)
    {
        IEnumerable<Field> all = status["podIPs"].Present ? status["podIPs"].Items().Select(entry => entry["ip"]) : [status["podIP"]];
        // Both forms are looked at, so that a mistake in either is told.
        AddressIn(status["podIP"]);
        return all.Select(AddressIn).OfType<IPAddress>().Distinct();
    }

    private static IPAddress? AddressIn(Field field) => field.IsText && field.Text() is "" ? null : field.Address();

    private static bool? ReadRunning(Field status)
    {
        // Init containers that restart always are stopped only after the others.
        Field[] all =
        [
            .. status["containerStatuses"].Items(), .. status["initContainerStatuses"].Items(), .. status["ephemeralContainerStatuses"].Items(),
        ];
        return all.Length == 0 ? null : all.Any(container => container["state"]["running"].Present);
    }
}
