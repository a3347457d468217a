using System.Collections.Immutable;
using Ztunnel.IO;
using Ztunnel.Lab;
using Ztunnel.Testing;
using Ztunnel.Testing.Cluster;

namespace Ztunnel.EndToEnd.Tests.Cluster;

/// <summary>
/// A cluster of two nodes on which the mesh was installed as its users do it: <c>kubectl apply -f deploy/manifests</c>. Agents,
/// controllers and gateways are processes of the built program, with no more rights than their manifests give them.
/// </summary>
internal sealed class ClusterLab : IAsyncDisposable
{
    private ClusterLab(LabCluster cluster)
    {
        Cluster = cluster;
        Shell = new LabShell(cluster);
    }

    /// <summary>Where the manifests are that the mesh is installed by.</summary>
    public static string Manifests { get; } = Path.Combine(Repository.Root, "deploy", "manifests");

    public LabCluster Cluster { get; }

    public LabShell Shell { get; }

    /// <summary>Starts a cluster and installs the mesh.</summary>
    public static async Task<ClusterLab> Start()
    {
        ImageTable images = new ImageTable().Add("ztunnel", AgentProcess.Program);
        var lab = new ClusterLab(await LabCluster.Start(images, ImmutableDictionary<string, string>.Empty, "a", "b"));
        try
        {
            await lab.Install();
            return lab;
        }
        catch
        {
            await lab.DisposeAsync();
            throw;
        }
    }

    /// <summary>Puts files of <c>deploy/walkthroughs</c> into the shell's directory, with a reader's own words for the placeholders.</summary>
    public void Fetch(string folder, params IReadOnlyList<(string Placeholder, string Value)> filled)
    {
        foreach (string file in Directory.EnumerateFiles(Path.Combine(Repository.Root, "deploy", "walkthroughs", folder)))
        {
            string text = File.ReadAllText(file);
            foreach ((string placeholder, string value) in filled)
                text = text.Replace(placeholder, value, StringComparison.Ordinal);
            File.WriteAllText(Path.Combine(Shell.Directory, Path.GetFileName(file)), text);
        }
    }

    /// <summary>Waits until what runs in a namespace is ready.</summary>
    public Task UntilReady(string @namespace, string deployment) => Explained(
        () => Shell.Run($"kubectl rollout status deployment/{deployment} -n {@namespace} --timeout=240s"));

    /// <summary>Does something, and when it fails says how the mesh's own pods are.</summary>
    public async Task<T> Explained<T>(Func<Task<T>> work)
    {
        try
        {
            return await work();
        }
        catch (LabException failed)
        {
            throw new LabException($"{failed.Message}\n{await Diagnosis()}", failed);
        }
    }

    /// <summary>The name of the only pod of an app.</summary>
    public async Task<string> PodOf(string @namespace, string app) =>
        (await Shell.Run($"kubectl get pods -n {@namespace} -l app={app} -o jsonpath='{{.items[*].metadata.name}}'")).Trim();

    /// <summary>Waits until every pod of a namespace says that it is in the mesh, or that it is not.</summary>
    public Task UntilEnrolled(string @namespace, bool enrolled = true) => Explained(async () =>
    {
        await MeshLab.Eventually(
            $"the pods of {@namespace} to be {(enrolled ? "in" : "out of")} the mesh",
            async () => (await Shell.Run(
                    $"kubectl get pods -n {@namespace} -o jsonpath='{{range .items[*]}}{{.metadata.annotations.ambient\\.istio\\.io/redirection}}{{\"\\n\"}}{{end}}'"))
                .TrimEnd('\n').Split('\n').All(line => line == (enrolled ? "enabled" : "")),
            TimeSpan.FromSeconds(40));
        return true;
    });

    public ValueTask DisposeAsync() => Cluster.DisposeAsync();

    private async Task Install()
    {
        // The program that is shipped is one file. This one, as a plugin of the node, needs its libraries beside it.
        foreach (string node in (string[])["a", "b"])
        {
            string plugins = Cluster.NodeDirectory(node, "/opt/cni/bin");
            foreach (string file in Directory.EnumerateFiles(AppContext.BaseDirectory, "*").Where(file => Path.GetExtension(file) is ".dll" or ".json"))
                File.CreateSymbolicLink(Path.Combine(plugins, Path.GetFileName(file)), file);
        }

        await Apply();
    }

    /// <summary>Applies the manifests and waits until the mesh is ready.</summary>
    public async Task Apply()
    {
        await Shell.Run($"kubectl apply -f {Manifests}");
        await Explained(() => Shell.Run("kubectl rollout status deployment/ztunnel-controller -n istio-system --timeout=240s"));
        await Explained(() => Shell.Run("kubectl rollout status daemonset/ztunnel -n istio-system --timeout=240s"));
    }

    private async Task<string> Diagnosis()
    {
        ProcessResult pods = await Shell.Try("kubectl get pods,gateways -A -o wide; kubectl get pods -A -o jsonpath='{range .items[*]}{.metadata.name}{\" \"}{.status.message}{.status.containerStatuses[*].state}{\"\\n\"}{end}'");
        IEnumerable<string> logs = Cluster.RunningPods.Select(pod => pod.Split('/'))
            .Select(pod => $"--- {pod[0]}/{pod[1]}\n{string.Join('\n', Cluster.Logs(pod[0], pod[1]).Split('\n').TakeLast(25))}");
        return pods.Output + pods.Error + string.Join('\n', logs);
    }
}
