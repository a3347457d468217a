using System.CommandLine;
using System.Net;
using Ztunnel.Control;
using Ztunnel.Diagnostics;
using Ztunnel.Kubernetes;
using Ztunnel.Resources;

namespace Ztunnel;

/// <summary><c>ztunnel controller</c>: one replica of the controller, until SIGTERM or SIGINT.</summary>
internal static class ControllerCommand
{
    private const string Lease = "ztunnel-controller";

    public static Command Create()
    {
        var image = new Option<string>("--gateway-image") { Description = "Image of the pods that are made for Gateways: this program's own.", Required = true };
        var pull = new Option<string?>("--gateway-image-pull-policy") { Description = "imagePullPolicy of those pods." };
        pull.AcceptOnlyFromAmong("Always", "IfNotPresent", "Never");
        var authority = new Option<string?>("--gateway-ca-address")
        {
            Description = "HOST:PORT where gateways have their certificates signed. Without it the Service ztunnel-controller of the root namespace.",
        };
        var revision = new Option<string>("--revision")
        {
            Description = "Whose Gateways these are: those with this label istio.io/rev. Others are left alone.",
            DefaultValueFactory = _ => ProvisioningOptions.DefaultRevision,
        };
        NameFlag.Demand(revision, KubernetesSyntax.LabelFault);
        var root = new Option<string>("--root-namespace")
        {
            Description = "Namespace whose policies are about the whole mesh, and where the controller keeps what is its own.",
            DefaultValueFactory = _ => "istio-system",
        };
        NameFlag.Demand(root, KubernetesSyntax.LabelFault);
        var identity = new Option<string>("--identity")
        {
            Description = "What tells this replica from the others.",
            DefaultValueFactory = _ => $"{Environment.MachineName}_{Guid.NewGuid():N}",
        };
        Option<string> trustDomain = NameFlag.TrustDomain();
        Option<string[]> aliases = NameFlag.TrustDomainAliases();
        Option<string> admin = AddressFlag.Create("--admin", $"127.0.0.1:{DiagnosticsOptions.AdminPort}", "Address of the admin endpoint.");
        Option<string> readiness = AddressFlag.Create("--readiness", DiagnosticsOptions.DefaultReadiness.ToString(), "Address of /healthz/ready.");
        var cluster = new ClusterFlags();
        var signing = new ClusterAuthorityFlags();
        var log = new LogFlags("info,Microsoft=warn");
        var command = new Command("controller", "Run one replica of the controller: makes gateways, writes statuses, signs certificates.")
        {
            image, pull, authority, revision, root, identity, trustDomain, aliases, admin, readiness,
        };
        cluster.RequireIn(command);
        signing.AddTo(command);
        log.AddTo(command);
        command.SetAction((parsed, stop) => Run(
            new ControllerAgentOptions
            {
                Controller = new ControllerOptions
                {
                    Provisioning = new ProvisioningOptions
                    {
                        Image = parsed.GetRequiredValue(image),
                        ImagePullPolicy = parsed.GetValue(pull),
                        SystemNamespace = parsed.GetRequiredValue(root),
                        TrustDomain = parsed.GetRequiredValue(trustDomain),
                        CertificateAuthority = parsed.GetValue(authority),
                        Revision = parsed.GetRequiredValue(revision),
                    },
                    Translation = new TranslatorOptions
                    {
                        TrustDomain = parsed.GetRequiredValue(trustDomain),
                        TrustDomainAliases = [.. parsed.GetValue(aliases) ?? []],
                        RootNamespace = parsed.GetRequiredValue(root),
                        DeriveEndpoints = false,
                        InCluster = true,
                    },
                },
                Authority = signing.Read(parsed, parsed.GetRequiredValue(trustDomain), parsed.GetRequiredValue(root)),
                Election = new LeaderElectionOptions { Namespace = parsed.GetRequiredValue(root), Name = Lease, Identity = parsed.GetRequiredValue(identity) },
                Diagnostics = new DiagnosticsOptions
                {
                    Admin = [IPEndPoint.Parse(parsed.GetRequiredValue(admin))],
                    Readiness = [IPEndPoint.Parse(parsed.GetRequiredValue(readiness))],
                },
            },
            cluster.Read(parsed),
            log.Open(parsed),
            stop));
        return command;
    }

    private static Task<int> Run(ControllerAgentOptions options, ClusterChoice cluster, RoleLog log, CancellationToken stop) =>
        Role.Run("Ztunnel.Controller", log, async loggers =>
        {
            using ApiClient client = cluster.Connect(loggers);
            await using ControllerAgent agent = await ControllerAgent.Start(options, client, loggers, stop);
            await Task.WhenAny(Task.Delay(Timeout.InfiniteTimeSpan, stop), agent.Failed);
            if (!stop.IsCancellationRequested)
                await agent.Failed;
            await agent.Drain();
        }, stop);
}
