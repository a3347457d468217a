using System.Collections.Concurrent;

namespace Ztunnel.Mesh;

/// <summary>
/// What policies come to for each gateway and service: worked out when a request for one is judged after something has changed,
/// and kept until the next change. Reading takes no locks.
/// </summary>
internal sealed class RequestPolicyTable(PolicyCell mesh, Func<string, PolicyCell?> cellOf)
{
    private readonly ConcurrentDictionary<(string? Instance, HttpPolicyTarget? Service, GatewayName? Gateway), Entry> _effective = new();
    private long _version;

    public AttachmentIndex<AuthorizationPolicy> Authorization { get; } = new();

    public AttachmentIndex<RequestAuthentication> Authentication { get; } = new();

    /// <summary>What holds so far may hold no more.</summary>
    public void Change()
    {
        Interlocked.Increment(ref _version);
        // What nobody asks about any more would stay otherwise.
        _effective.Clear();
    }

    /// <summary>What holds for the requests in <paramref name="scope"/>.</summary>
    public HttpPolicies For(HttpPolicyScope scope, Func<GatewayName, Gateway?> gatewayOf)
    {
        long version = Interlocked.Read(ref _version);
        (string?, HttpPolicyTarget?, GatewayName?) key = (scope.Instance?.Uid, scope.Service, scope.Gateway);
        if (_effective.TryGetValue(key, out Entry? entry) && entry.Is(version, scope))
            return entry.Policies;
        HttpPolicies policies = Work(scope, gatewayOf);
        _effective[key] = new Entry(version, scope, policies);
        return policies;
    }

    private HttpPolicies Work(HttpPolicyScope scope, Func<GatewayName, Gateway?> gatewayOf)
    {
        var attachments = new List<PolicyAttachment>();
        foreach (GatewayName gateway in scope.Gateway is { } only ? [only] : scope.Gateways)
        {
            attachments.Add(new PolicyAttachment(PolicyAttachmentKind.Gateway, gateway.Namespace, gateway.Name));
            if (gatewayOf(gateway) is { Waypoint: not null, Class: { } @class })
                attachments.Add(new PolicyAttachment(PolicyAttachmentKind.GatewayClass, "", @class));
        }

        if (scope.Service is { } service)
            attachments.Add(new PolicyAttachment(service.Kind, service.Name.Namespace, service.Name.Name));
        List<AuthorizationPolicy> authorization = [.. attachments.SelectMany(attachment => Authorization[attachment])];
        List<RequestAuthentication> authentication = [.. attachments.SelectMany(attachment => Authentication[attachment])];
        PolicyCell?[] cells = scope.Instance is { } instance ? [mesh, cellOf(instance.Namespace)] : [];
        foreach (PolicyCell cell in cells.OfType<PolicyCell>())
        {
            lock (cell.Lock)
            {
                authorization.AddRange(cell.AuthorizationFor(scope.Instance!.Labels));
                authentication.AddRange(cell.RequestAuthenticationFor(scope.Instance.Labels));
            }
        }

        return new HttpPolicies(authorization, authentication);
    }

    private sealed class Entry(long version, HttpPolicyScope scope, HttpPolicies policies)
    {
        public HttpPolicies Policies { get; } = policies;

        public bool Is(long nowVersion, HttpPolicyScope now) =>
            version == nowVersion
            && ReferenceEquals(scope.Gateways, now.Gateways)
            && ReferenceEquals(scope.Instance?.Labels, now.Instance?.Labels);
    }
}
