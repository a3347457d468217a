using System.CommandLine;
using System.Net;
using Microsoft.Extensions.Logging;
using Ztunnel.Diagnostics;
using Ztunnel.Identity;
using Ztunnel.IO;
using Ztunnel.Kubernetes;
using Ztunnel.Mesh;
using Ztunnel.Resources;

namespace Ztunnel;

/// <summary><c>ztunnel gateway</c>: one instance of a Gateway, until SIGTERM or SIGINT.</summary>
internal static class GatewayCommand
{
    public static Command Create()
    {
        var name = new Option<string>("--name") { Description = "The Gateway's name.", Required = true };
        var @namespace = new Option<string>("--namespace") { Description = "The Gateway's namespace.", Required = true };
        NameFlag.Demand(name, KubernetesSyntax.SubdomainFault);
        NameFlag.Demand(@namespace, KubernetesSyntax.LabelFault);
        var source = new SourceFlags();
        var netns = new Option<string?>("--netns")
        {
            Description = "Network namespace of the gateway's pod, such as /run/netns/gateway. Without it that of this process.",
        };
        var authority = new AuthorityFlags();
        Option<string> trustDomain = NameFlag.TrustDomain();
        Option<string[]> aliases = NameFlag.TrustDomainAliases();
        var root = new Option<string>("--root-namespace") { Description = "Namespace whose policies are about the whole mesh.", DefaultValueFactory = _ => "istio-system" };
        Option<int> workers = NumberFlag.Create("--workers", Environment.ProcessorCount, 1, 256, "Worker threads, one event loop each.");
        Option<double> drain = NumberFlag.Create("--drain-seconds", 5.0, 0, 86_400, "How long a stop waits for requests under way.");
        var limits = new GatewayFlags();
        var log = new LogFlags("info,Microsoft=warn,Yarp=warn");
        var command = new Command("gateway", "Run one instance of a Gateway: an ingress gateway or a waypoint.")
        {
            name, @namespace, netns, trustDomain, aliases, root, workers, drain,
        };
        source.AddTo(command);
        authority.AddTo(command);
        limits.AddTo(command);
        log.AddTo(command);
        command.SetAction((parsed, stop) => Run(
            source.Read(parsed, InCluster(new GatewayName(parsed.GetRequiredValue(@namespace), parsed.GetRequiredValue(name)))),
            objects => new GatewayAgentOptions
            {
                InCluster = objects.Client is not null,
                Name = new GatewayName(parsed.GetRequiredValue(@namespace), parsed.GetRequiredValue(name)),
                Source = objects.Source,
                TrustDomain = parsed.GetRequiredValue(trustDomain),
                TrustDomainAliases = parsed.GetValue(aliases) ?? [],
                RootNamespace = parsed.GetRequiredValue(root),
                Workers = parsed.GetRequiredValue(workers),
                DrainTime = TimeSpan.FromSeconds(parsed.GetRequiredValue(drain)),
                Engine = limits.Read(parsed),
                Diagnostics = new DiagnosticsOptions { Admin = [new IPEndPoint(IPAddress.Loopback, DiagnosticsOptions.AdminPort)] },
            },
            parsed.GetValue(netns),
            authority.Read(parsed, impersonate: false),
            log.Open(parsed),
            stop));
        return command;
    }

    /// <summary>What a gateway reads of a cluster. Its pod's name is the machine's, unless the pod says otherwise.</summary>
    private static KubernetesSourceOptions InCluster(GatewayName gateway) => new()
    {
        Role = MeshRole.Gateway,
        Gateway = gateway,
        Pod = (gateway.Namespace, Environment.GetEnvironmentVariable("POD_NAME") is { Length: > 0 } pod ? pod : Environment.MachineName),
    };

    private static Task<int> Run(
        SourceChoice source, Func<OpenSource, GatewayAgentOptions> configure, string? netns, AuthorityChoice choice, RoleLog log, CancellationToken stop) =>
        Role.Run("Ztunnel.Gateway", log, async loggers =>
        {
            await using SystemdNotifier systemd = SystemdNotifier.Find(Environment.GetEnvironmentVariable, loggers.CreateLogger<SystemdNotifier>());
            using OpenSource objects = source.Open(loggers);
            GatewayAgentOptions options = configure(objects);
            using NetworkNamespace? pod = netns is null ? null : NetworkNamespace.Open(netns);
            using ICertificateAuthority authority = choice.Open(options.TrustDomain, loggers);
            await using GatewayAgent agent = await GatewayAgent.Start(
                options with { Engine = options.Engine with { Namespace = pod } }, authority, log.Access, loggers, stop);
            systemd.Ready($"gateway {options.Name}", agent.Turn);
            await Task.Delay(Timeout.InfiniteTimeSpan, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            systemd.Stopping("waiting for requests under way");
            await agent.Drain();
        }, stop);
}
