namespace Ztunnel.Resources;

/// <summary>Which references across namespaces are permitted.</summary>
internal sealed class ReferenceGrants
{
    private readonly Dictionary<string, Dictionary<ObjectKey, ReferenceGrantObject>> _byNamespace = new(StringComparer.Ordinal);

    public void Put(ReferenceGrantObject grant)
    {
        if (!_byNamespace.TryGetValue(grant.Metadata.Namespace, out Dictionary<ObjectKey, ReferenceGrantObject>? grants))
            _byNamespace.Add(grant.Metadata.Namespace, grants = []);
        grants[grant.Key] = grant;
    }

    public void Remove(ObjectKey grant)
    {
        if (_byNamespace.TryGetValue(grant.Namespace, out Dictionary<ObjectKey, ReferenceGrantObject>? grants) && grants.Remove(grant) && grants.Count == 0)
            _byNamespace.Remove(grant.Namespace);
    }

    /// <summary>Whether <paramref name="referrer"/>, an object of Gateway API, may refer to a core object; it always may in its own namespace.</summary>
    public bool Permit(ObjectKey referrer, string kind, string @namespace, string name)
    {
        if (string.Equals(referrer.Namespace, @namespace, StringComparison.Ordinal))
            return true;
        var from = new GrantedFrom(ObjectKind.GatewayApiGroup, referrer.Kind.Name, referrer.Namespace);
        return _byNamespace.GetValueOrDefault(@namespace) is { } grants
            && grants.Values.Any(grant => grant.From.Contains(from) && grant.To.Any(to => IsTo(to, kind, name)));
    }

    private static bool IsTo(GrantedTo to, string kind, string name) =>
        to.Group.Length == 0
        && string.Equals(to.Kind, kind, StringComparison.Ordinal)
        && (to.Name is null || string.Equals(to.Name, name, StringComparison.Ordinal));
}
