using Ztunnel.Lab;
using Ztunnel.Mesh;

namespace Ztunnel.Testing;

/// <summary>Pods of a lab as the model has them.</summary>
public static class LabWorkload
{
    /// <summary>The workload that a lab's pod is, ambient unless said otherwise; its UID and namespace name follow from its name.</summary>
    public static Workload ToWorkload(this LabPod pod, string serviceAccount = "default", Enrolment enrolment = Enrolment.Ambient) => new()
    {
        Uid = $"uid-{pod.Namespace}-{pod.Name}",
        Name = pod.Name,
        Namespace = pod.Namespace,
        ServiceAccount = serviceAccount,
        Identity = SpiffeId.Parse($"spiffe://cluster.local/ns/{pod.Namespace}/sa/{serviceAccount}"),
        Addresses = pod.Addresses,
        Node = pod.Plan.Node,
        Enrolment = enrolment,
        Ready = true,
        NetworkNamespace = pod.Plan.NamespaceName,
    };
}
