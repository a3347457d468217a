using System.Net;
using Ztunnel.Mesh;

namespace Ztunnel.Resources;

/// <summary>Reads the bodies of Gateways and GatewayClasses (Gateway API, gateway.networking.k8s.io/v1).</summary>
internal static class GatewayReader
{
    private const int MaxHostname = 253;

    private enum From
    {
        Same,
        All,
        Selector,
        None,
    }

    private static readonly Dictionary<string, bool> IsPassthrough = new(StringComparer.Ordinal) { ["Terminate"] = false, ["Passthrough"] = true };

    private static readonly Dictionary<string, From> Froms =
        Enum.GetValues<From>().ToDictionary(from => from.ToString(), StringComparer.Ordinal);

    private static readonly IReadOnlySet<string> OfSpecs = Field.Names("allowedListeners", "backendTLS", "defaultScope", "tls");

    private static readonly IReadOnlySet<string> OfTls = Field.Names("frontendValidation", "options");

    private static readonly IReadOnlySet<string> OfClasses = Field.Names("description", "parametersRef");

    public static GatewayObject Read(ObjectMetadata metadata, Field root)
    {
        Field spec = root["spec"].Also(OfSpecs), status = root["status"];
        return new GatewayObject
        {
            Metadata = metadata,
            ClassName = spec["gatewayClassName"].RequiredText(KubernetesSyntax.SubdomainFault) ?? "",
            Listeners = [.. ReadListeners(spec["listeners"])],
            RequestedAddresses = [.. spec["addresses"].Items().Select(address => ReadAddress(address, mayBeEmpty: true)).OfType<GatewayAddress>()],
            Addresses = [.. status["addresses"].Items().Select(address => ReadAddress(address, mayBeEmpty: false)).OfType<GatewayAddress>()],
            Programmed = ReadProgrammed(status["conditions"]),
            InfrastructureLabels = spec["infrastructure"]["labels"].Strings(),
            InfrastructureAnnotations = spec["infrastructure"]["annotations"].Strings(),
            ParametersKind = ReadParametersKind(spec["infrastructure"]["parametersRef"]),
            ParametersName = spec["infrastructure"]["parametersRef"]["name"].Text(KubernetesSyntax.SubdomainFault),
        };
    }

    public static GatewayClassObject ReadClass(ObjectMetadata metadata, Field root) => new()
    {
        Metadata = metadata,
        ControllerName = root["spec"].Also(OfClasses)["controllerName"].RequiredText() ?? "",
    };

    private static List<GatewayListener> ReadListeners(Field listeners)
    {
        var read = new List<GatewayListener>();
        if (!listeners.Items().Any())
            listeners.Problem("needs at least one listener");
        foreach (Field field in listeners.Items())
        {
            string? name = field["name"].RequiredText(KubernetesSyntax.SubdomainFault);
            string? protocol = field["protocol"].RequiredText();
            string? hostname = HostnameReader.Read(field["hostname"]);
            ListenerTls? tls = ReadTls(field["tls"]);
            AllowedKind[] kinds = [.. field["allowedRoutes"]["kinds"].Items().Select(ReadKind).OfType<AllowedKind>()];
            AllowedNamespaces allowed = ReadAllowed(field["allowedRoutes"]["namespaces"]);
            if (!field["port"].Present)
                field["port"].Problem("is required");
            if (field["port"].PortNumber() is not { } port || name is null || protocol is null)
                continue;
            if (read.Exists(other => string.Equals(other.Name, name, StringComparison.Ordinal)))
                field["name"].Problem($"another listener of the Gateway is named \"{name}\" too");
            read.Add(new GatewayListener
            {
                Name = name,
                Port = port,
                Protocol = protocol,
                Hostname = hostname,
                AllowedNamespaces = allowed,
                AllowedKinds = [.. kinds],
                Tls = tls,
            });
        }

        return read;
    }

    private static ListenerTls? ReadTls(Field tls)
    {
        if (!tls.Present)
            return null;
        return new ListenerTls
        {
            Passthrough = tls.Also(OfTls)["mode"].OneOf(IsPassthrough) ?? false,
            Certificates = [.. tls["certificateRefs"].Items().Select(ReadCertificate).OfType<CertificateReference>()],
        };
    }

    private static CertificateReference? ReadCertificate(Field field) =>
        field["name"].RequiredText(KubernetesSyntax.SubdomainFault) is { } name
            ? new CertificateReference(
                field["group"].Text() ?? "", field["kind"].Text() ?? "Secret", field["namespace"].Text(KubernetesSyntax.LabelFault), name)
            : null;

    private static AllowedKind? ReadKind(Field field) =>
        field["kind"].RequiredText() is { } kind ? new AllowedKind(field["group"].Text() ?? ObjectKind.GatewayApiGroup, kind) : null;

    private static string? ReadParametersKind(Field field)
    {
        if (!field.Present)
            return null;
        string group = field["group"].Text() ?? "", kind = field["kind"].RequiredText() ?? "";
        field["name"].RequiredText();
        return group.Length == 0 ? kind : $"{group}/{kind}";
    }

    private static AllowedNamespaces ReadAllowed(Field namespaces)
    {
        From from = namespaces["from"].OneOf(Froms) ?? From.Same;
        if (from == From.Selector && !namespaces["selector"].Present)
            namespaces["selector"].Problem("is required where from is Selector");
        LabelSelector selector = SelectorReader.Read(namespaces["selector"]);
        return from switch
        {
            From.All => AllowedNamespaces.All,
            From.Selector => new AllowedNamespaces.Matching(selector),
            From.None => AllowedNamespaces.None,
            _ => AllowedNamespaces.Same,
        };
    }

    private static GatewayAddress? ReadAddress(Field field, bool mayBeEmpty)
    {
        string type = field["type"].Text() is { Length: > 0 } given ? given : GatewayAddress.IPAddress;
        Field value = field["value"];
        if (mayBeEmpty && value.Text() is null or "")
            return new GatewayAddress(type, "");
        return type switch
        {
            GatewayAddress.IPAddress => value.Present && value.Address() is { } address ? new GatewayAddress(type, address.ToString()) : Missing(value),
            GatewayAddress.Hostname => value.RequiredText(HostnameFault) is { } name ? new GatewayAddress(type, name) : null,
            _ => value.RequiredText() is { } text ? new GatewayAddress(type, text) : null,
        };
    }

    private static GatewayAddress? Missing(Field value)
    {
        value.RequiredText();
        return null;
    }

    // An address looks like a hostname whose labels are numbers, and is one of the wrong type.
    private static string? HostnameFault(string name) =>
        IPAddress.TryParse(name, out _) ? "must be a DNS name where type is Hostname" : name.Length > MaxHostname ? "is too long" : KubernetesSyntax.SubdomainFault(name);

    private static bool? ReadProgrammed(Field conditions)
    {
        bool? programmed = null;
        foreach (Field condition in conditions.Items())
        {
            if (string.Equals(condition["type"].RequiredText(), "Programmed", StringComparison.Ordinal))
                programmed = string.Equals(condition["status"].RequiredText(), "True", StringComparison.Ordinal);
        }

        return programmed;
    }
}
