using System.Text;

namespace Ztunnel;

/// <summary>What a person asked for in a waypoint, and the Gateway that says so.</summary>
/// <param name="Namespace">Its namespace.</param>
/// <param name="Name">Its name.</param>
/// <param name="For">What it takes (<c>istio.io/waypoint-for</c>), or null to leave it at what the class says.</param>
/// <param name="Revision">The control plane's revision it is for (<c>istio.io/rev</c>), or null for any.</param>
internal sealed record WaypointManifest(string Namespace, string Name, string? For, string? Revision)
{
    /// <summary>The manifest, as <c>istioctl waypoint generate</c> would have it.</summary>
    public string ToYaml()
    {
        var yaml = new StringBuilder();
        yaml.Append("apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata:\n");
        if (For is not null || Revision is not null)
            yaml.Append("  labels:\n");
        if (Revision is not null)
            yaml.Append("    istio.io/rev: \"").Append(Revision).Append("\"\n");
        if (For is not null)
            yaml.Append("    istio.io/waypoint-for: ").Append(For).Append('\n');
        yaml.Append("  name: \"").Append(Name).Append("\"\n  namespace: \"").Append(Namespace).Append("\"\n");
        yaml.Append("spec:\n  gatewayClassName: istio-waypoint\n  listeners:\n  - name: mesh\n    port: 15008\n    protocol: HBONE\n");
        return yaml.ToString();
    }
}
