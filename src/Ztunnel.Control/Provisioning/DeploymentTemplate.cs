using System.Text.Json.Nodes;
using Ztunnel.Kubernetes;
using Ztunnel.Resources;

namespace Ztunnel.Control;

/// <summary>The Deployment of a Gateway. How many replicas there are is left to whoever scales it.</summary>
internal static class DeploymentTemplate
{
    /// <summary>The container's name, which Istio's users know for their patches.</summary>
    public const string Container = "istio-proxy";

    private const int StatusPort = 15021;
    private const int User = 1337;
    private const int TokenSeconds = 43_200;

    private const string RootDirectory = "/var/run/secrets/istio";
    private const string TokenDirectory = "/var/run/secrets/tokens";
    private const string Token = "istio-token";
    private const string RootVolume = "istiod-ca-cert";

    public static MadeObject Make(GatewayShape shape, ProvisioningOptions options) => new(ApiResource.Deployments, shape.Namespace, shape.Name, new JsonObject
    {
        ["apiVersion"] = ApiResource.Deployments.ApiVersion,
        ["kind"] = ApiResource.Deployments.Kind,
        ["metadata"] = shape.Metadata(shape.Name),
        ["spec"] = new JsonObject
        {
            ["selector"] = new JsonObject { ["matchLabels"] = shape.Selector },
            ["template"] = new JsonObject
            {
                ["metadata"] = PodMetadata(shape, options),
                ["spec"] = Pod(shape, options),
            },
        },
    });

    private static JsonObject PodMetadata(GatewayShape shape, ProvisioningOptions options)
    {
        KeyValuePair<string, string>[] labels =
        [
            new("sidecar.istio.io/inject", "false"),
            new("service.istio.io/canonical-name", shape.Name),
            new("service.istio.io/canonical-revision", "latest"),
        ];
        KeyValuePair<string, string>[] annotations =
        [
            new(GatewayLabels.Revision, options.Revision),
            new(PodObject.ServiceAccountAnnotation, shape.ServiceAccount),
        ];
        // Whoever sends to a waypoint speaks HBONE with it, and not with an agent before it.
        KeyValuePair<string, string>[] tunnel = shape.Waypoint ? [new("networking.istio.io/tunnel", "http")] : [];
        return new JsonObject
        {
            ["labels"] = GatewayShape.Map(shape.PodLabels.SetItems([.. labels, .. tunnel])),
            ["annotations"] = GatewayShape.Map(shape.Annotations.SetItems(annotations)),
        };
    }

    private static JsonObject Pod(GatewayShape shape, ProvisioningOptions options) => new()
    {
        ["serviceAccountName"] = shape.ServiceAccount,
        ["securityContext"] = PodSecurity(shape),
        ["containers"] = new JsonArray(MakeContainer(shape, options)),
        ["volumes"] = new JsonArray(
            new JsonObject
            {
                ["name"] = Token,
                ["projected"] = new JsonObject
                {
                    ["sources"] = new JsonArray(new JsonObject
                    {
                        ["serviceAccountToken"] = new JsonObject { ["audience"] = "istio-ca", ["expirationSeconds"] = TokenSeconds, ["path"] = Token },
                    }),
                },
            },
            new JsonObject { ["name"] = RootVolume, ["configMap"] = new JsonObject { ["name"] = RootSpreader.Name } }),
    };

    /// <summary>Listeners below 1024 need no privilege where the pod's network says so (a safe sysctl, Kubernetes 1.22).</summary>
    private static JsonObject PodSecurity(GatewayShape shape)
    {
        var security = new JsonObject
        {
            ["runAsNonRoot"] = true,
            ["runAsUser"] = User,
            ["runAsGroup"] = User,
            ["fsGroup"] = User,
            ["seccompProfile"] = new JsonObject { ["type"] = "RuntimeDefault" },
        };
        if (!shape.Waypoint)
            security["sysctls"] = new JsonArray(new JsonObject { ["name"] = "net.ipv4.ip_unprivileged_port_start", ["value"] = "0" });
        return security;
    }

    private static JsonObject MakeContainer(GatewayShape shape, ProvisioningOptions options)
    {
        var container = new JsonObject
        {
            ["name"] = Container,
            ["image"] = options.Image,
            ["args"] = new JsonArray(
                "gateway",
                "--name", shape.Gateway.Metadata.Name,
                "--namespace", shape.Namespace,
                "--kubernetes",
                "--root-namespace", options.SystemNamespace,
                "--trust-domain", options.TrustDomain,
                "--ca-address", options.AuthorityAddress,
                "--ca-root", $"{RootDirectory}/{RootSpreader.FileName}",
                "--ca-token", $"{TokenDirectory}/{Token}"),
            ["ports"] = new JsonArray(new JsonObject { ["name"] = "status-port", ["containerPort"] = StatusPort, ["protocol"] = "TCP" }),
            ["startupProbe"] = Probe(period: 1, failures: 30),
            ["readinessProbe"] = Probe(period: 15, failures: 4),
            ["resources"] = new JsonObject
            {
                ["requests"] = new JsonObject { ["cpu"] = "100m", ["memory"] = "128Mi" },
                ["limits"] = new JsonObject { ["cpu"] = "2", ["memory"] = "1Gi" },
            },
            ["securityContext"] = new JsonObject
            {
                ["allowPrivilegeEscalation"] = false,
                ["capabilities"] = new JsonObject { ["drop"] = new JsonArray("ALL") },
                ["privileged"] = false,
                ["readOnlyRootFilesystem"] = true,
                ["runAsNonRoot"] = true,
                ["runAsUser"] = User,
                ["runAsGroup"] = User,
            },
            ["volumeMounts"] = new JsonArray(Mount(RootVolume, RootDirectory), Mount(Token, TokenDirectory)),
        };
        if (options.ImagePullPolicy is { } policy)
            container["imagePullPolicy"] = policy;
        return container;
    }

    private static JsonObject Mount(string volume, string path) => new() { ["name"] = volume, ["mountPath"] = path, ["readOnly"] = true };

    private static JsonObject Probe(int period, int failures) => new()
    {
        ["httpGet"] = new JsonObject { ["path"] = "/healthz/ready", ["port"] = StatusPort, ["scheme"] = "HTTP" },
        ["periodSeconds"] = period,
        ["timeoutSeconds"] = 1,
        ["failureThreshold"] = failures,
    };
}
