using System.Net;
using System.Text;
using Ztunnel.Resources;

namespace Ztunnel.Kubernetes;

/// <summary>Kubeconfig files (client-go's clientcmd v1), merged as kubectl does: of a name given twice the first counts.</summary>
internal sealed class Kubeconfig
{
    private readonly List<(string Path, Field Root, ObjectReading Reading)> _files = [];

    private Kubeconfig()
    {
    }

    /// <summary>Reads one file, or several in the form of <c>$KUBECONFIG</c>, of which those that are not there are passed over.</summary>
    public static Kubeconfig Read(string paths)
    {
        string[] all = paths.Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries);
        string[] there = all.Length == 1 ? all : [.. all.Where(File.Exists)];
        if (there.Length == 0)
            throw new ApiAccessException($"no kubeconfig file at {paths}");
        var read = new Kubeconfig();
        foreach (string path in there)
            read.Add(Path.GetFullPath(path));
        return read;
    }

    /// <summary>What the context says, by default the current one.</summary>
    public ApiAccess Access(string? context)
    {
        string where = string.Join(", ", _files.Select(file => file.Path));
        string name = context ?? _files.Select(file => file.Root["current-context"].Text()).FirstOrDefault(current => !string.IsNullOrEmpty(current))
            ?? throw new ApiAccessException($"{where}: current-context is not set, and no context is named");
        (Field chosen, _) = Find("contexts", name, "context", where);
        (Field cluster, string clusterFile) = Find("clusters", chosen["cluster"].RequiredText() ?? "", "cluster", where);
        string? userName = chosen["user"].Text();
        (Field User, string File)? user = string.IsNullOrEmpty(userName) ? null : Find("users", userName, "user", where);
        string? ns = chosen["namespace"].Text(KubernetesSyntax.LabelFault);
        var server = new KubeconfigCluster(cluster, clusterFile);
        ICredentialSource credentials = user is { } found ? new KubeconfigUser(found.User, found.File).Credentials(server) : new NoCredential();
        var access = new ApiAccess(server.Server, $"context {name} of {where}")
        {
            Namespace = string.IsNullOrEmpty(ns) ? "default" : ns,
            Credentials = credentials,
            Roots = new TrustedRoots(server.Roots),
            TlsServerName = server.TlsServerName,
            SkipVerification = server.SkipVerification,
            Proxy = server.Proxy is { } proxy ? new WebProxy(proxy) : null,
            UsesSystemProxy = true,
        };
        Check();
        return access;
    }

    private void Add(string path)
    {
        string text = Setting.At(path, "kubeconfig").Read();
        var reading = new ObjectReading(path) { Discreet = true };
        YamlDocument document = YamlText.Read(text).FirstOrDefault() ?? throw new ApiAccessException($"{path}: is empty");
        if (document.Fault is { } fault)
            throw new ApiAccessException($"{path}:{fault.Line}: not valid YAML");
        _files.Add((path, new Field(reading, document.Root!), reading));
    }

    private (Field Value, string File) Find(string list, string name, string of, string where)
    {
        foreach ((string path, Field root, _) in _files)
        {
            if (root[list].Items().FirstOrDefault(item => string.Equals(item["name"].Text(), name, StringComparison.Ordinal)) is { } item)
                return (item[of], path);
        }

        Check();
        throw new ApiAccessException($"{where}: {list}: there is none named \"{name}\"");
    }

    private void Check()
    {
        if (_files.SelectMany(file => file.Reading.Problems).FirstOrDefault() is { } problem)
            throw new ApiAccessException(problem.ToString());
    }
}

/// <summary>A setting of a kubeconfig that is text in one field or a file named in another.</summary>
internal static class KubeconfigSetting
{
    /// <summary>A text in base64, or the file named beside it; the text counts if both are there.</summary>
    public static Setting? DataOrFile(Field at, string name, string file)
    {
        Field data = at[name + "-data"];
        if (data.Text() is { Length: > 0 } base64)
            return Setting.Of(Decode(data, base64), $"{file}: {data.Path}");
        return File(at[name], file);
    }

    /// <summary>A file, from the directory of the kubeconfig.</summary>
    public static Setting? File(Field field, string file) =>
        field.Text() is { Length: > 0 } path ? Setting.At(Path.Combine(Path.GetDirectoryName(file)!, path), $"{file}: {field.Path}") : null;

    private static string Decode(Field field, string base64)
    {
        var bytes = new byte[base64.Length];
        if (Convert.TryFromBase64String(base64, bytes, out int written))
            return Encoding.UTF8.GetString(bytes, 0, written);
        field.Problem("is not base64");
        return "";
    }
}

/// <summary>A <c>cluster</c> of a kubeconfig.</summary>
internal sealed class KubeconfigCluster
{
    private static readonly string[] Proxies = ["http", "https", "socks5"];

    public KubeconfigCluster(Field cluster, string file)
    {
        Server = Address(cluster["server"], ["https", "http"]) ?? new Uri("https://invalid/");
        if (!cluster["server"].Present)
            cluster["server"].Problem("is required");
        Roots = KubeconfigSetting.DataOrFile(cluster, "certificate-authority", file);
        TlsServerName = cluster["tls-server-name"].Text() is { Length: > 0 } name ? name : null;
        SkipVerification = cluster["insecure-skip-tls-verify"].Flag() ?? false;
        Proxy = Address(cluster["proxy-url"], Proxies);
        if (SkipVerification && Roots is not null)
            cluster["insecure-skip-tls-verify"].Problem("may not be true where a certificate-authority is given");
    }

    public Uri Server { get; }

    public Setting? Roots { get; }

    public string? TlsServerName { get; }

    public bool SkipVerification { get; }

    public Uri? Proxy { get; }

    private static Uri? Address(Field field, string[] schemes)
    {
        if (field.Text() is not { Length: > 0 } text)
            return null;
        // kubectl takes an address without a scheme for one of plain HTTP, as it was in the beginning.
        string full = text.Contains("://", StringComparison.Ordinal) ? text : $"http://{text}";
        if (Uri.TryCreate(full, UriKind.Absolute, out Uri? address) && schemes.Contains(address.Scheme, StringComparer.Ordinal))
            return address;
        field.Problem($"is not an address of {string.Join(" or ", schemes)}");
        return null;
    }
}

/// <summary>A <c>user</c> of a kubeconfig.</summary>
internal sealed class KubeconfigUser(Field user, string file)
{
    private static readonly string[] Refused = ["username", "password", "auth-provider", "as", "as-uid"];

    public ICredentialSource Credentials(KubeconfigCluster cluster)
    {
        foreach (string refused in Refused.Where(name => user[name].Present))
            user[refused].Problem("is not supported; use a token, a client certificate or exec");
        Setting? token = KubeconfigSetting.File(user["tokenFile"], file);
        if (token is null && user["token"].Text() is { Length: > 0 } text)
            token = Setting.Of(text, $"{file}: {user["token"].Path}");
        Setting? certificate = KubeconfigSetting.DataOrFile(user, "client-certificate", file);
        Setting? key = KubeconfigSetting.DataOrFile(user, "client-key", file);
        if (certificate is null != key is null)
            user[certificate is null ? "client-certificate" : "client-key"].Problem("is required where the other of certificate and key is given");
        if (token is not null || certificate is not null)
            return new KeptCredential(token, certificate is not null && key is not null ? (certificate, key) : null);
        return user["exec"].Present ? ExecPlugin.Read(user["exec"], file, cluster) : new NoCredential();
    }
}
