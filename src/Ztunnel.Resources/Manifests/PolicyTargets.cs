using Ztunnel.Mesh;

namespace Ztunnel.Resources;

/// <summary>Reads what a policy of Istio's is attached to.</summary>
internal static class PolicyTargets
{
    private const int Most = 16;

    /// <summary>
    /// Reads <c>spec.targetRefs</c>, or the older <c>targetRef</c>. With a mistake in what they name there are none: what stands
    /// in for a policy attached to nobody knows what must be about everything in its reach.
    /// </summary>
    public static ValueArray<PolicyTarget> Read(ObjectMetadata metadata, Field spec)
    {
        Field[] given = [.. new[] { spec["selector"], spec["targetRef"], spec["targetRefs"] }.Where(field => field.Present)];
        if (given.Length > 1)
            given[^1].Problem("may not stand beside selector or another target reference");
        Field[] targets = spec["targetRef"].Present ? [spec["targetRef"]] : [.. spec["targetRefs"].Items()];
        if (targets.Length > Most)
            spec["targetRefs"].Problem($"may have at most {Most} targets");
        PolicyTarget?[] read = [.. targets.Select(target => ReadTarget(metadata, target))];
        return read.Contains(null) ? [] : [.. read.OfType<PolicyTarget>()];
    }

    private static PolicyTarget? ReadTarget(ObjectMetadata metadata, Field target)
    {
        var read = new PolicyTarget(target["group"].Text() ?? "", target["kind"].RequiredText() ?? "", target["name"].RequiredText() ?? "");
        bool sound = read.Attachment is not null && read.Name.Length > 0;
        if (read.Kind.Length > 0 && read.Attachment is null)
        {
            target["kind"].Problem(
                "must be Gateway or GatewayClass of the group gateway.networking.k8s.io, Service of the core group, or ServiceEntry of networking.istio.io, "
                + $"got {YamlScalar.Show(read.Kind)} of {(read.Group.Length == 0 ? "the core group" : YamlScalar.Show(read.Group))}");
        }

        if (target["namespace"].Text() is { Length: > 0 } other && !string.Equals(other, metadata.Namespace, StringComparison.Ordinal))
            target["namespace"].Problem($"must be the policy's own, got \"{YamlScalar.Show(other)}\"");
        return sound ? read : null;
    }
}
