using Ztunnel.Mesh;
using Ztunnel.Resources;

namespace Ztunnel.Control;

/// <summary>The labels and annotations by which Gateways and what is made for them know each other (istio/istio, the gateway deployment controller).</summary>
internal static class GatewayLabels
{
    /// <summary>On what is made: by which controller. What lacks it is somebody else's.</summary>
    public const string Managed = WaypointLabels.ManagedBy;

    /// <summary>On what is made, and on the pods: for which Gateway.</summary>
    public const string Name = WaypointLabels.GatewayInstance;

    /// <summary>On what is made in other namespaces than the Gateway's: that of the Gateway.</summary>
    public const string Namespace = "ztunnel.io/gateway-namespace";

    /// <summary>On what is made, and on the pods: the Gateway's class.</summary>
    public const string Class = "gateway.networking.k8s.io/gateway-class-name";

    /// <summary>On a ConfigMap of the system namespace: the class whose Gateways it has parameters for.</summary>
    public const string DefaultsForClass = "gateway.istio.io/defaults-for-class";

    /// <summary>On a Gateway or a namespace: whose it is. On what is made in other namespaces: which revision of the controller made it.</summary>
    public const string Revision = "istio.io/rev";

    public const string DataplaneMode = EnrolmentRule.ModeLabel;
    public const string ServiceAccount = "gateway.istio.io/service-account";
    public const string ControllerVersion = "gateway.istio.io/controller-version";
    public const string ServiceType = "networking.istio.io/service-type";

    /// <summary>On a ServiceAccount that was not made for a Gateway: whether Gateways may run as it, and it so read what they read.</summary>
    public const string ServesGateways = "ztunnel.io/gateway";

    /// <summary>The prefix of the labels that are Gateway API's to give.</summary>
    private const string GatewayApi = "gateway.networking.k8s.io/";

    /// <summary>The labels that a Gateway wants on what is made for it: those of its <c>infrastructure</c>, or else its own.</summary>
    public static IEnumerable<KeyValuePair<string, string>> LabelsFor(StringMap infrastructure, StringMap own) =>
        (infrastructure.Count > 0 ? infrastructure : own).Entries
        .Where(label => label.Key != Namespace && !label.Key.StartsWith(GatewayApi, StringComparison.Ordinal));

    /// <summary>The annotations that a Gateway wants on what is made for it, in the same way.</summary>
    public static IEnumerable<KeyValuePair<string, string>> AnnotationsFor(StringMap infrastructure, StringMap own) =>
        LabelsFor(infrastructure, own).Where(annotation => annotation.Key is not (GatewayNaming.NameOverride or ServiceAccount or ControllerVersion));
}
