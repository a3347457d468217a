using System.Collections.Concurrent;

namespace Ztunnel.Mesh;

/// <summary>
/// What policies come to for each gateway and service: worked out when a request for one is judged after something has changed,
/// and kept until the next change. Reading takes no locks.
/// </summary>
internal sealed class RequestPolicyTable(PolicyCell mesh, Func<string, PolicyCell?> cellOf)
{
    private readonly ConcurrentDictionary<(GatewayName Gateway, string? Instance, HttpPolicyTarget? Service), Entry> _effective = new();
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

    /// <summary>What holds for the requests in <paramref name="scope"/>. <paramref name="gateway"/> is null for one that is not known.</summary>
    public HttpPolicies For(HttpPolicyScope scope, Gateway? gateway)
    {
        long version = Interlocked.Read(ref _version);
        (GatewayName, string?, HttpPolicyTarget?) key = (scope.Gateway, scope.Instance?.Uid, scope.Service);
        if (_effective.TryGetValue(key, out Entry? entry) && entry.Is(version, gateway, scope.Instance))
            return entry.Policies;
        HttpPolicies policies = Work(scope, gateway);
        _effective[key] = new Entry(version, gateway, scope.Instance?.Labels, policies);
        return policies;
    }

    private HttpPolicies Work(HttpPolicyScope scope, Gateway? gateway)
    {
        bool waypoint = gateway?.Waypoint is not null;
        List<PolicyAttachment> attachments = [new(PolicyAttachmentKind.Gateway, scope.Gateway.Namespace, scope.Gateway.Name)];
        if (waypoint && gateway!.Class is { } @class)
            attachments.Add(new PolicyAttachment(PolicyAttachmentKind.GatewayClass, "", @class));
        if (scope.Service is { } service)
            attachments.Add(new PolicyAttachment(service.Kind, service.Name.Namespace, service.Name.Name));
        List<AuthorizationPolicy> authorization = [.. attachments.SelectMany(attachment => Authorization[attachment])];
        List<RequestAuthentication> authentication = [.. attachments.SelectMany(attachment => Authentication[attachment])];
        // What is about workloads is about a gateway's own too, but not about a waypoint's, which stands for others (Istio).
        if (!waypoint && scope.Instance is { } instance)
        {
            foreach (PolicyCell cell in new[] { mesh, cellOf(instance.Namespace) }.OfType<PolicyCell>())
            {
                lock (cell.Lock)
                {
                    authorization.AddRange(cell.AuthorizationFor(instance.Labels));
                    authentication.AddRange(cell.RequestAuthenticationFor(instance.Labels));
                }
            }
        }

        return new HttpPolicies(authorization, authentication);
    }

    private sealed class Entry(long version, Gateway? gateway, StringMap? labels, HttpPolicies policies)
    {
        public HttpPolicies Policies { get; } = policies;

        public bool Is(long nowVersion, Gateway? nowGateway, Workload? nowInstance) =>
            version == nowVersion && ReferenceEquals(gateway, nowGateway) && ReferenceEquals(labels, nowInstance?.Labels);
    }
}
