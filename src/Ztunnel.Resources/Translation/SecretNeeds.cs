namespace Ztunnel.Resources;

/// <summary>
/// Which Secrets the pods of Gateways need: the certificates of listeners, in other namespaces where a ReferenceGrant lets the Gateway
/// refer to them (Gateway API, ReferenceGrant), and in the Gateway's own namespace what DestinationRules have clients show and trust
/// (<c>credentialName</c>). Told of objects as they change. Safe from any thread.
/// </summary>
public sealed class SecretNeeds
{
    /// <summary>
    /// How many Secrets DestinationRules can have one Gateway need. Rules of any namespace count where they are exported, so that without
    /// a bound whoever may write one could have all gateways follow as many as they like, and make their Roles larger than a server takes.
    /// </summary>
    public const int MostCredentials = 256;

    private readonly Lock _lock = new();
    private readonly ReferenceGrants _grants = new();

    // Those that name any.
    private readonly Dictionary<ObjectKey, DestinationRuleObject> _rules = [];

    /// <summary>Takes a ReferenceGrant or a DestinationRule that is there or has changed. Returns whether Gateways may need others by it.</summary>
    public bool Put(KubernetesObject @object)
    {
        ArgumentNullException.ThrowIfNull(@object);
        lock (_lock)
        {
            switch (@object)
            {
                case ReferenceGrantObject grant:
                    _grants.Put(grant);
                    return true;
                case DestinationRuleObject rule when rule.SecretNames.Any():
                    bool same = _rules.TryGetValue(rule.Key, out DestinationRuleObject? before) && before.ExportTo == rule.ExportTo
                        && before.SecretNames.SequenceEqual(rule.SecretNames, StringComparer.Ordinal);
                    _rules[rule.Key] = rule;
                    return !same;
                default:
                    return _rules.Remove(@object.Key);
            }
        }
    }

    /// <summary>Notes that one is gone. Returns whether Gateways may need others by it.</summary>
    public bool Remove(ObjectKey key)
    {
        ArgumentNullException.ThrowIfNull(key);
        lock (_lock)
        {
            if (key.Kind != ObjectKind.ReferenceGrant)
                return _rules.Remove(key);
            _grants.Remove(key);
            return true;
        }
    }

    /// <summary>
    /// What a Gateway's pods need, in order, each once; of names that are none nothing. Of what rules name no more than
    /// <see cref="MostCredentials"/>, first what those of the Gateway's own namespace do.
    /// </summary>
    public IReadOnlyList<SecretName> Of(GatewayObject gateway)
    {
        ArgumentNullException.ThrowIfNull(gateway);
        string own = gateway.Metadata.Namespace;
        lock (_lock)
        {
            IEnumerable<SecretName> certificates = CertificatesOf(gateway)
                .Where(name => _grants.Permit(gateway.Key, ObjectKind.Secret.Name, name.Namespace, name.Name));
            IEnumerable<SecretName> credentials = _rules.Values
                .Where(rule => rule.ExportTo.Count == 0 || rule.ExportTo.Any(to => to is "*" || to == own || (to is "." && rule.Metadata.Namespace == own)))
                .OrderBy(rule => rule.Metadata.Namespace != own)
                .ThenBy(rule => rule.Metadata.Namespace, StringComparer.Ordinal).ThenBy(rule => rule.Metadata.Name, StringComparer.Ordinal)
                .SelectMany(rule => rule.SecretNames)
                .Where(IsName)
                .Select(name => new SecretName(own, name))
                .Distinct()
                .Take(MostCredentials);
            return
            [
                .. certificates.Where(name => IsName(name.Name)).Concat(credentials).Distinct()
                    .OrderBy(name => name.Namespace, StringComparer.Ordinal).ThenBy(name => name.Name, StringComparer.Ordinal),
            ];
        }
    }

    private static bool IsName(string name) => KubernetesSyntax.SubdomainFault(name) is null;

    /// <summary>The Secrets that a Gateway's listeners name, whether or not they may.</summary>
    public static IEnumerable<SecretName> CertificatesOf(GatewayObject gateway)
    {
        ArgumentNullException.ThrowIfNull(gateway);
        return gateway.Listeners
            .Where(listener => listener.Tls is { Passthrough: false })
            .SelectMany(listener => listener.Tls!.Certificates)
            .Where(reference => reference is { Group: "", Kind: "Secret" })
            .Select(reference => new SecretName(reference.Namespace ?? gateway.Metadata.Namespace, reference.Name));
    }
}

/// <summary>What names a Secret.</summary>
/// <param name="Namespace">Its namespace.</param>
/// <param name="Name">Its name.</param>
public readonly record struct SecretName(string Namespace, string Name)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Namespace}/{Name}";
}
