using System.CommandLine;
using System.Net;
using Microsoft.Extensions.Logging;
using Ztunnel.Diagnostics;
using Ztunnel.Identity;
using Ztunnel.Kubernetes;

namespace Ztunnel;

/// <summary><c>ztunnel node</c>: the agent of one node, until SIGTERM or SIGINT.</summary>
internal static class NodeCommand
{
    public static Command Create()
    {
        var node = new Option<string>("--node") { Description = "This node's name, as in the pods' spec.nodeName.", Required = true };
        var source = new SourceFlags();
        var namespaces = new Option<string>("--netns-dir")
        {
            Description = "Directory in which the pods' annotation ztunnel.io/network-namespace names network namespaces.",
            DefaultValueFactory = _ => "/run/netns",
        };
        var authority = new AuthorityFlags();
        var enrolment = new EnrolmentFlags();
        Option<string> trustDomain = NameFlag.TrustDomain();
        Option<string[]> aliases = NameFlag.TrustDomainAliases();
        var root = new Option<string>("--root-namespace") { Description = "Namespace whose policies are about the whole mesh.", DefaultValueFactory = _ => "istio-system" };
        Option<int> workers = NumberFlag.Create("--workers", Environment.ProcessorCount, 1, 256, "Worker threads, one event loop each.");
        Option<double> drain = NumberFlag.Create("--drain-seconds", 5.0, 0, 86_400, "How long a stop waits for open connections.");
        var release = new Option<bool>("--release-on-exit")
        {
            Description = "Take the capture rules out of all pods on SIGTERM, so that they go on in the clear. "
                + "Without it they stay, and connections are refused until an agent is there again.",
        };
        var run = new Option<string?>("--run-directory")
        {
            Description = "Directory of the node, for root only, in which an agent and the one that takes over from it meet: no connection is refused on the way.",
        };
        Option<string> probes = ProbeFlag.Create();
        Option<string> admin = AddressFlag.Create("--admin", $"127.0.0.1:{DiagnosticsOptions.AdminPort}", "Address of the admin endpoint.");
        Option<string> readiness = AddressFlag.Create("--readiness", DiagnosticsOptions.DefaultReadiness.ToString(), "Address of /healthz/ready.");

        var log = new LogFlags("info,Microsoft=warn");
        var proxy = new ProxyFlags();
        var waypoints = new WaypointFlags();
        var supervision = new SupervisionFlags();
        var command = new Command("node", "Run the agent of one node.")
        {
            node, namespaces, trustDomain, aliases, root, workers, drain, release, probes, run, admin, readiness,
        };
        source.AddTo(command);
        authority.AddTo(command);
        supervision.AddTo(command);
        enrolment.AddTo(command);
        log.AddTo(command);
        proxy.AddTo(command);
        waypoints.AddTo(command);
        command.SetAction((parsed, stop) => Run(
            source.Read(parsed, new KubernetesSourceOptions { Role = MeshRole.Node, Node = parsed.GetRequiredValue(node) }),
            objects => enrolment.Read(parsed, new NodeAgentOptions
            {
                Node = parsed.GetRequiredValue(node),
                Source = objects.Source,
                Api = objects.Client,
                NamespaceDirectory = parsed.GetRequiredValue(namespaces),
                TrustDomain = parsed.GetRequiredValue(trustDomain),
                TrustDomainAliases = parsed.GetValue(aliases) ?? [],
                RootNamespace = parsed.GetRequiredValue(root),
                Workers = parsed.GetRequiredValue(workers),
                DrainTime = TimeSpan.FromSeconds(parsed.GetRequiredValue(drain)),
                Mesh = waypoints.Read(parsed),
                Proxy = proxy.Read(parsed),
                ReleaseOnExit = parsed.GetValue(release),
                Probes = ProbeFlag.Read(parsed.GetRequiredValue(probes)),
                RunDirectory = parsed.GetValue(run),
                Diagnostics = new DiagnosticsOptions
                {
                    Admin = [IPEndPoint.Parse(parsed.GetRequiredValue(admin))],
                    Readiness = [IPEndPoint.Parse(parsed.GetRequiredValue(readiness))],
                },
            }),
            authority.Read(parsed, impersonate: true),
            supervision.Read(parsed),
            log.Open(parsed),
            stop));
        return command;
    }

    private static Task<int> Run(
        SourceChoice source, Func<OpenSource, NodeAgentOptions> configure, AuthorityChoice choice, Supervision supervision, RoleLog log, CancellationToken stop) =>
        Role.Run("Ztunnel.Node", log, async loggers =>
        {
            await using SystemdNotifier systemd = SystemdNotifier.Find(Environment.GetEnvironmentVariable, loggers.CreateLogger<SystemdNotifier>());
            using OpenSource objects = source.Open(loggers);
            NodeAgentOptions options = configure(objects);
            using ReadyFile ready = ReadyFile.Open(supervision.ReadyFile);
            using ICertificateAuthority authority = choice.Open(options.TrustDomain, loggers);
            Task stopped = Task.Delay(Timeout.InfiniteTimeSpan, stop);
            await using (NodeAgent agent = await NodeAgent.Start(options, authority, log.Access, loggers, stop))
            {
                ready.Ready();
                systemd.Ready($"agent of node {options.Node}", agent.Turn);
                await Task.WhenAny(stopped, agent.HandedOver);
                systemd.Stopping("waiting for open connections");
                await agent.Drain();
            }

            if (supervision.WaitWhenSucceeded)
                await stopped.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }, stop);
}
