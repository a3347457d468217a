using System.Text;
using Ztunnel.Mesh;

namespace Ztunnel.Resources;

/// <summary>Keeps the model's rules about how requests are sent true to the DestinationRules, and to the Secrets that they name.</summary>
internal sealed class TrafficTranslation(MeshState mesh, TranslatorOptions options, ResourceInventory inventory)
{
    private static readonly Comparer<(DateTimeOffset?, string, string)> Ages = Comparer<(DateTimeOffset?, string, string)>.Create(RouteAge.Compare);

    private readonly Dictionary<ObjectKey, DestinationRuleObject> _rules = [];
    private readonly ReverseIndex<(string Namespace, string Host), ObjectKey> _rulesOfHosts = new();
    private readonly ReverseIndex<string, ObjectKey> _rulesWithSecret = new(StringComparer.Ordinal);
    private readonly Dictionary<ObjectKey, SecretObject> _secrets = [];
    private readonly ReverseIndex<string, ObjectKey> _secretsNamed = new(StringComparer.Ordinal);

    public void Put(DestinationRuleObject rule)
    {
        Leave(rule.Key);
        _rules[rule.Key] = rule;
        DestinationRule translated = Translate(rule);
        _rulesOfHosts.Add(rule.Key, [HostOf(rule)]);
        _rulesWithSecret.Add(rule.Key, rule.SecretNames);
        mesh.Put(translated);
        Publish(HostOf(rule));
        FollowSecrets(rule.SecretNames);
    }

    public void RemoveRule(ObjectKey rule)
    {
        Leave(rule);
        mesh.RemoveDestinationRule(new PolicyName(rule.Namespace, rule.Name));
    }

    public void Put(SecretObject secret)
    {
        _secrets[secret.Key] = secret;
        _secretsNamed.Add(secret.Key, [secret.Metadata.Name]);
        FollowSecrets([secret.Metadata.Name]);
    }

    public void RemoveSecret(ObjectKey secret)
    {
        _secrets.Remove(secret);
        _secretsNamed.Remove(secret, [secret.Name]);
        mesh.RemoveTlsCredential(secret.Namespace, secret.Name);
    }

    /// <summary>A subset's policy is the rule's, but for what it says itself.</summary>
    private static Subset Merge(Subset subset, TrafficPolicy under) => subset.Policy is not { } own ? subset : subset with
    {
        Policy = new TrafficPolicy
        {
            ConnectionPool = own.ConnectionPool ?? under.ConnectionPool,
            OutlierDetection = own.OutlierDetection ?? under.OutlierDetection,
            LoadBalancer = own.LoadBalancer ?? under.LoadBalancer,
            Tls = own.Tls ?? under.Tls,
        },
    };

    private static string Text(SecretBytes bytes) => Encoding.UTF8.GetString(bytes.Reveal());

    private (string Namespace, string Host) HostOf(DestinationRuleObject rule) => (rule.Metadata.Namespace, FullHost(rule));

    /// <summary>The host in full: a name without dots is that of a service of the rule's namespace.</summary>
    private string FullHost(DestinationRuleObject rule) => rule.Host.Contains('.', StringComparison.Ordinal) || rule.Host[0] == '*'
        ? rule.Host
        : $"{rule.Host}.{rule.Metadata.Namespace}.svc.{options.ClusterDomain}";

    private DestinationRule Translate(DestinationRuleObject rule) => new()
    {
        Name = new PolicyName(rule.Metadata.Namespace, rule.Metadata.Name),
        InRoot = string.Equals(rule.Metadata.Namespace, options.RootNamespace, StringComparison.Ordinal),
        Created = rule.Metadata.Created,
        Host = FullHost(rule),
        ExportTo = [.. rule.ExportTo.Select(name => name is "." ? rule.Metadata.Namespace : name)],
        Selector = rule.Selector is null ? null : new LabelSelector { Labels = rule.Selector },
        Policy = rule.Policy,
        Ports = rule.Ports,
        Subsets = [.. rule.Subsets.Select(subset => Merge(subset, rule.Policy))],
    };

    private void Leave(ObjectKey key)
    {
        if (!_rules.Remove(key, out DestinationRuleObject? old))
            return;
        _rulesOfHosts.Remove(key, [HostOf(old)]);
        _rulesWithSecret.Remove(key, old.SecretNames);
        Publish(HostOf(old));
        FollowSecrets(old.SecretNames);
    }

    /// <summary>Says how the rules of a namespace for a host stand: of those for all clients the oldest counts.</summary>
    private void Publish((string Namespace, string Host) host)
    {
        DestinationRuleObject? first = null;
        IEnumerable<DestinationRuleObject> rules = _rulesOfHosts.Of(host).Select(key => _rules[key])
            .OrderBy(rule => (rule.Metadata.Created, rule.Metadata.Namespace, rule.Metadata.Name), Ages);
        foreach (DestinationRuleObject rule in rules)
        {
            bool counts = rule.Selector is not null || first is null;
            var conditions = new List<StatusCondition>
            {
                counts
                    ? new StatusCondition("Accepted", true, "Accepted", "Object was valid")
                    : new StatusCondition("Accepted", false, "Conflicted", $"{first!.Key} is for {host.Host} too, and counts"),
            };
            if (rule.NotEnforced.Count > 0)
                conditions.Add(StatusCondition.NotEnforced(rule.NotEnforced));
            inventory.SetStatus(rule.Key, GatewayApiStatus.Of(rule) with { Conditions = [.. conditions] });
            first ??= rule.Selector is null ? rule : null;
        }
    }

    private void FollowSecrets(IEnumerable<string> names)
    {
        foreach (string name in names.ToArray())
        {
            bool named = _rulesWithSecret.Of(name).Any();
            foreach (ObjectKey secret in _secretsNamed.Of(name))
            {
                if (named)
                    mesh.Put(CredentialOf(_secrets[secret]));
                else
                    mesh.RemoveTlsCredential(secret.Namespace, secret.Name);
            }
        }
    }

    private static TlsCredential CredentialOf(SecretObject secret)
    {
        (ListenerCertificate? certificate, string? fault) = secret.CertificatePem is null && secret.PrivateKeyPem is null
            ? (null, secret.RootsPem is null ? $"Secret {secret.Metadata.Namespace}/{secret.Metadata.Name} has neither a certificate nor roots" : null)
            : Certificates.Read(secret);
        return new TlsCredential
        {
            Namespace = secret.Metadata.Namespace,
            Name = secret.Metadata.Name,
            Certificate = certificate,
            Roots = secret.RootsPem is { } roots ? Text(roots) : null,
            Fault = fault,
        };
    }
}
