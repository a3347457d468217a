using System.Net;
using System.Net.Sockets;
using Ztunnel.Mesh;

namespace Ztunnel.Resources;

/// <summary>The rules by which Kubernetes' API server accepts names and addresses (k8s.io/apimachinery pkg/util/validation).</summary>
public static class KubernetesSyntax
{
    private const int MaxLabel = 63;
    private const int MaxSubdomain = 253;
    private const int MaxPortName = 15;

    /// <summary>What is wrong with a name that is to be a DNS label (RFC 1123), such as a namespace's or a service's; null if nothing.</summary>
    public static string? LabelFault(string name) => Fault(name, MaxLabel, allowDots: false);

    /// <summary>What is wrong with a name that is to be a DNS subdomain (RFC 1123), such as a pod's; null if nothing.</summary>
    public static string? SubdomainFault(string name) => Fault(name, MaxSubdomain, allowDots: true);

    /// <summary>What is wrong with the value of a label; null if nothing.</summary>
    public static string? LabelValueFault(string value)
    {
        if (value.Length > MaxLabel)
            return $"may be at most {MaxLabel} characters long";
        bool wellFormed = value.Length == 0
            || (char.IsAsciiLetterOrDigit(value[0]) && char.IsAsciiLetterOrDigit(value[^1]) && value.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.'));
        return wellFormed ? null : "may hold only letters, digits, '-', '_' and '.', and must begin and end with a letter or digit";
    }

    /// <summary>Whether <paramref name="name"/> can name a container's port (RFC 6335 section 5.1).</summary>
    public static bool IsPortName(string name) =>
        name.Length is > 0 and <= MaxPortName
        && name.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c == '-')
        && name.Any(char.IsAsciiLetterLower)
        && name[0] != '-'
        && name[^1] != '-'
        && !name.Contains("--", StringComparison.Ordinal);

    /// <summary>
    /// Whether a service's target port is a name. One that begins and ends with a digit and has no hyphen, such as
    /// <c>80a0</c>, is refused although Kubernetes would take it: there it is a mistyped number far more often than a name.
    /// </summary>
    public static bool IsTargetPortName(string name) =>
        IsPortName(name)
        && (!char.IsAsciiDigit(name[0]) || !char.IsAsciiDigit(name[^1]) || name.Contains('-', StringComparison.Ordinal));

    /// <summary>The address, without IPv4-mapping; null for what is none, and for the short and octal forms of IPv4 that mean different things to different readers.</summary>
    public static IPAddress? TryAddress(string text)
    {
        if (!IPAddress.TryParse(text, out IPAddress? address))
            return null;
        bool v4 = address.AddressFamily == AddressFamily.InterNetwork;
        bool canonical = v4
            ? string.Equals(address.ToString(), text, StringComparison.Ordinal)
            : !text.Contains('%', StringComparison.Ordinal) && !text.Contains('[', StringComparison.Ordinal);
        return canonical ? NetworkAddress.Normalise(address) : null;
    }

    private static string? Fault(string name, int max, bool allowDots)
    {
        if (name.Length > max)
            return $"may be at most {max} characters long";
        bool wellFormed = name.Split('.').All(IsLabel) && (allowDots || !name.Contains('.', StringComparison.Ordinal));
        return wellFormed
            ? null
            : $"may hold only lower-case letters, digits{(allowDots ? ", '-' and '.'" : " and '-'")}, and must begin and end with a letter or digit";
    }

    private static bool IsLabel(string label) =>
        label.Length is > 0 and <= MaxSubdomain
        && label.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c == '-')
        && label[0] != '-'
        && label[^1] != '-';
}
