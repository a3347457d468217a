using System.Net;

namespace Ztunnel.Resources;

/// <summary>Reads hostnames of listeners and routes: DNS names, perhaps with <c>*.</c> in front.</summary>
internal static class HostnameReader
{
    /// <summary>The hostname; null where there is none.</summary>
    public static string? Read(Field field) =>
        field.Text(name => name.Length == 0 ? null : Fault(name)) is { Length: > 0 } hostname ? hostname : null;

    private static string? Fault(string name)
    {
        string bare = name.StartsWith("*.", StringComparison.Ordinal) ? name[2..] : name;
        return IPAddress.TryParse(bare, out _) ? "must be a DNS name, not an address" : KubernetesSyntax.SubdomainFault(bare);
    }
}
