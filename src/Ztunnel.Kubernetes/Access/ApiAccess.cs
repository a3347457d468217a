using System.Net;
using Ztunnel.Resources;

namespace Ztunnel.Kubernetes;

/// <summary>Which API server, and how to prove who we are. Nothing secret is in its text.</summary>
public sealed class ApiAccess
{
    private const string Here = "/var/run/secrets/kubernetes.io/serviceaccount";
    private readonly string _origin;

    internal ApiAccess(Uri server, string origin)
    {
        Server = server;
        _origin = origin;
    }

    /// <summary>The server's address.</summary>
    public Uri Server { get; }

    /// <summary>The namespace of the pod, or of the kubeconfig's context.</summary>
    public string Namespace { get; internal init; } = "default";

    internal ICredentialSource Credentials { get; init; } = new NoCredential();

    internal TrustedRoots Roots { get; init; } = new(null);

    /// <summary>The name the server's certificate is to have, where that is not the one in <see cref="Server"/>.</summary>
    internal string? TlsServerName { get; init; }

    /// <summary>Whether any certificate will do, because the kubeconfig says so.</summary>
    internal bool SkipVerification { get; init; }

    internal IWebProxy? Proxy { get; init; }

    /// <summary>Whether the machine's settings of proxies are to be followed where <see cref="Proxy"/> is none.</summary>
    internal bool UsesSystemProxy { get; init; }

    /// <summary>
    /// As a pod: <c>KUBERNETES_SERVICE_HOST</c>, <c>KUBERNETES_SERVICE_PORT</c> and the files that the kubelet keeps in
    /// <paramref name="directory"/>. Throws <see cref="ApiAccessException"/> outside of one.
    /// </summary>
    public static ApiAccess InCluster(string directory = Here) => InCluster(directory, Environment.GetEnvironmentVariable);

    /// <summary>
    /// As kubectl: a kubeconfig file, or several in the form of <c>$KUBECONFIG</c>, and one of its contexts, by default the
    /// current one. Throws <see cref="ApiAccessException"/>.
    /// </summary>
    public static ApiAccess FromKubeconfig(string path, string? context = null) => Kubeconfig.Read(path).Access(context);

    /// <summary>
    /// What there is, in this order: the file given, <c>$KUBECONFIG</c>, the pod's own account, <c>~/.kube/config</c>. A context
    /// that is named asks for a file. Throws <see cref="ApiAccessException"/> where there is none of them.
    /// </summary>
    public static ApiAccess Find(string? kubeconfig, string? context) =>
        Find(kubeconfig, context, Environment.GetEnvironmentVariable, Here);

    /// <summary>A server that asks for nothing, by plain HTTP: <c>kubectl proxy</c>, or a test's.</summary>
    public static ApiAccess Insecure(Uri server)
    {
        ArgumentNullException.ThrowIfNull(server);
        return new ApiAccess(server, "no credentials");
    }

    /// <summary>The server and where the credentials come from.</summary>
    public override string ToString() => $"{Server.GetLeftPart(UriPartial.Path)} ({_origin})";

    internal static ApiAccess Find(string? kubeconfig, string? context, Func<string, string?> environment, string directory)
    {
        if (kubeconfig is not null)
            return FromKubeconfig(kubeconfig, context);
        if (environment("KUBECONFIG") is { Length: > 0 } files)
            return FromKubeconfig(files, context);
        if (context is null && environment("KUBERNETES_SERVICE_HOST") is { Length: > 0 })
            return InCluster(directory, environment);
        string home = Path.Combine(environment("HOME") ?? "/", ".kube", "config");
        if (!File.Exists(home))
            throw new ApiAccessException($"no way to the Kubernetes API is known: not in a pod, KUBECONFIG is not set, and there is no {home}");
        return FromKubeconfig(home, context);
    }

    internal static ApiAccess InCluster(string directory, Func<string, string?> environment)
    {
        const string Host = "KUBERNETES_SERVICE_HOST", Port = "KUBERNETES_SERVICE_PORT";
        if (environment(Host) is not { Length: > 0 } host || environment(Port) is not { Length: > 0 } port)
            throw new ApiAccessException($"not in a pod: {Host} and {Port} are not set");
        string authority = IPAddress.TryParse(host, out IPAddress? address) && address.ToString().Contains(':', StringComparison.Ordinal) ? $"[{host}]" : host;
        if (!Uri.TryCreate($"https://{authority}:{port}/", UriKind.Absolute, out Uri? server))
            throw new ApiAccessException($"{Host} and {Port}: https://{authority}:{port}/ is no address");
        Setting token = Setting.At(Path.Combine(directory, "token"), "the pod's token");
        Setting roots = Setting.At(Path.Combine(directory, "ca.crt"), "the cluster's root certificates");
        var trusted = new TrustedRoots(roots);
        token.Read();
        trusted.Read();
        return new ApiAccess(server, $"the pod's account, {directory}")
        {
            Namespace = ReadNamespace(Path.Combine(directory, "namespace")),
            Credentials = new KeptCredential(token, null),
            Roots = trusted,
        };
    }

    private static string ReadNamespace(string file)
    {
        if (!File.Exists(file))
            return "default";
        string name = Setting.At(file, "the pod's namespace").Read().Trim();
        return KubernetesSyntax.LabelFault(name) is { } fault ? throw new ApiAccessException($"{file}: the pod's namespace {fault}") : name;
    }
}
