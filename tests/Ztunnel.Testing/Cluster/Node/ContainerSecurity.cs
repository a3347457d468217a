using System.Collections.Immutable;
using System.Text.Json.Nodes;

namespace Ztunnel.Testing.Cluster;

/// <summary>
/// What a container's securityContext takes from its program: another user, capabilities, the way back to them, the writing of its
/// root. So manifests that ask for too little are found out here.
/// </summary>
internal sealed record ContainerSecurity(bool ReadOnly, ImmutableArray<string> Wrapper)
{
    public static ContainerSecurity Of(ClusterObject pod, JsonNode container)
    {
        JsonNode? own = container["securityContext"], pods = pod.Spec?["securityContext"];
        List<string> arguments = [];
        if ((own?["runAsUser"] ?? pods?["runAsUser"]) is { } user)
        {
            string group = ClusterObject.Text(own?["runAsGroup"] ?? pods?["runAsGroup"]) is { Length: > 0 } named ? named : "0";
            // Another user loses the signal that ends it with its parent (prctl(2)), which setpriv gives it again.
            arguments.AddRange([$"--reuid={user}", $"--regid={group}", "--clear-groups", "--pdeathsig=KILL"]);
        }

        if (own?["allowPrivilegeEscalation"]?.GetValue<bool>() == false)
            arguments.Add("--no-new-privs");
        if (Names(own?["capabilities"]?["drop"]).Contains("all", StringComparer.Ordinal))
        {
            string kept = string.Concat(Names(own?["capabilities"]?["add"]).Select(each => $",+{each}"));
            arguments.AddRange([$"--inh-caps=-all{kept}", $"--bounding-set=-all{kept}"]);
        }

        return new ContainerSecurity(
            own?["readOnlyRootFilesystem"]?.GetValue<bool>() == true,
            arguments.Count == 0 ? [] : ["setpriv", .. arguments, "--"]);
    }

    private static IEnumerable<string> Names(JsonNode? capabilities) =>
        (capabilities as JsonArray)?.Select(each => ClusterObject.Text(each).ToLowerInvariant()) ?? [];
}
