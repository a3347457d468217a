using System.Globalization;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Ztunnel.IO;
using Ztunnel.Lab;
using Ztunnel.Mesh;
using Ztunnel.Testing;

namespace Ztunnel.EndToEnd.Tests;

/// <summary>
/// What a cluster has before a guide is followed: httpbin behind its Service, a client in the mesh and one outside, and the pods
/// that a control plane would have made for gateways. The guide's own objects are those of <c>deploy/walkthroughs</c>.
/// </summary>
internal sealed class WalkthroughLab : IAsyncDisposable
{
    private readonly List<IAsyncDisposable> _running = [];

    private WalkthroughLab(MeshLab mesh) => Mesh = mesh;

    public MeshLab Mesh { get; }

    /// <summary>
    /// Builds <paramref name="describe"/>'s pods. <paramref name="labels"/> says, for each pod that is more than its name, its labels;
    /// a pod labelled as a gateway's is run as one, and one whose <c>app</c> is <c>httpbin</c> runs httpbin at port 8080.
    /// </summary>
    public static Task<WalkthroughLab> Start(
        Action<LabBuilder> describe, IReadOnlyDictionary<string, string> labels, params IReadOnlyList<string> objects) =>
        Start(new NameTable(), describe, labels, objects);

    /// <summary>As the other, with the names that agents and gateways find in DNS.</summary>
    public static async Task<WalkthroughLab> Start(
        NameTable names, Action<LabBuilder> describe, IReadOnlyDictionary<string, string> labels, params IReadOnlyList<string> objects)
    {
        MeshLab mesh = await MeshLab.Start(
            describe,
            network => Yaml.Join([.. objects, .. network.Pods.Select(Describe)]),
            options => options with { Names = names },
            waitFor: IsCaptured);
        var lab = new WalkthroughLab(mesh);
        try
        {
            foreach (LabPod pod in mesh.Network.Pods)
            {
                if (IsGateway(pod))
                    await mesh.StartGateway(pod, GatewayOf(LabelsOf(pod)), options => options with { Names = names });
                else if (LabelsOf(pod).Contains("app: httpbin", StringComparison.Ordinal))
                    lab._running.Add(await Httpbin(pod));
            }

            return lab;
        }
        catch
        {
            await lab.DisposeAsync();
            throw;
        }

        string LabelsOf(LabPod pod) => labels.GetValueOrDefault(pod.Name, $"app: {pod.Name}");
        bool IsGateway(LabPod pod) => LabelsOf(pod).Contains("gateway", StringComparison.Ordinal);
        bool IsCaptured(LabPod pod) => pod.Namespace is not ("outside" or "istio-system") && !IsGateway(pod);
        string Describe(LabPod pod) => Yaml.Pod(
            pod, $"{{{LabelsOf(pod)}{(IsGateway(pod) ? ", istio.io/dataplane-mode: none" : "")}}}", port: 8080, account: AccountOf(LabelsOf(pod), pod));
    }

    public LabPod Pod(string name) => Mesh.Pod(name);

    /// <summary>Applies a guide's object as it is written.</summary>
    public void Apply(string path) => Mesh.Manifests.Write(
        path.Replace('/', '-'), File.ReadAllText(Path.Combine(Repository.Root, "deploy", "walkthroughs", path)));

    /// <summary>Runs curl in a pod again and again until its output holds all of <paramref name="parts"/>, and returns it.</summary>
    public static async Task<string> Curl(LabPod from, IReadOnlyList<string> parts, params string[] arguments)
    {
        ProcessResult? result = null;
        await MeshLab.Eventually(
            () => $"curl {string.Join(' ', arguments)} to show {string.Join(" and ", parts)}; it shows\n{result?.Output}{result?.Error}",
            async () =>
            {
                result = await from.Exec("curl", ["-sS", "--max-time", "10", .. arguments]);
                return parts.All(part => result.Output.Contains(part, StringComparison.OrdinalIgnoreCase));
            });
        return result!.Output;
    }

    /// <summary>A certificate for a host, signed by itself, and its key.</summary>
    public static string CertificatePem(string host)
    {
        (string certificate, string key) = Certificate(host);
        return certificate + "\n" + key;
    }

    /// <summary>A Secret with a certificate for a host, signed by itself.</summary>
    public static string CertificateSecret(string name, string @namespace, string host)
    {
        (string certificate, string key) = Certificate(host);
        return string.Create(CultureInfo.InvariantCulture, $"""
            apiVersion: v1
            kind: Secret
            metadata: {"{"}name: {name}, namespace: {@namespace}{"}"}
            type: kubernetes.io/tls
            data:
              tls.crt: {Base64(certificate)}
              tls.key: {Base64(key)}

            """);

        static string Base64(string text) => Convert.ToBase64String(System.Text.Encoding.ASCII.GetBytes(text));
    }

    private static (string Certificate, string Key) Certificate(string host)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={host}", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName(host);
        request.CertificateExtensions.Add(names.Build());
        using X509Certificate2 certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddHours(-1), DateTimeOffset.UtcNow.AddDays(1));
        return (certificate.ExportCertificatePem(), key.ExportPkcs8PrivateKeyPem());
    }

    public async ValueTask DisposeAsync()
    {
        foreach (IAsyncDisposable each in _running)
            await each.DisposeAsync();
        await Mesh.DisposeAsync();
    }

    /// <summary>A gateway's pods have the account that Istio makes for it; others that of their app.</summary>
    private static string AccountOf(string labels, LabPod pod) =>
        labels.Split(", ").FirstOrDefault(label => label.StartsWith("app: ", StringComparison.Ordinal)) is { } app ? app["app: ".Length..] : pod.Name;

    /// <summary>The Gateway that a pod is labelled as an instance of; any name where it is one by the Service that it is behind.</summary>
    private static string GatewayOf(string labels) =>
        labels.Split(", ").FirstOrDefault(label => label.StartsWith(WaypointLabels.GatewayInstance, StringComparison.Ordinal))?.Split(": ")[1] ?? "gateway";

    private static async Task<IAsyncDisposable> Httpbin(LabPod pod)
    {
        LabProcess process = await pod.Start(new LabCommand("gunicorn", "--bind=[::]:8080", "--threads=8", "httpbin:app"));
        await MeshLab.Eventually("httpbin to listen", async () => (await pod.Exec("ss", "-Htln", "sport", "=", ":8080")).Output != "");
        return process;
    }
}
