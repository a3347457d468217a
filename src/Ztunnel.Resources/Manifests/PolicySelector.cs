using Ztunnel.Mesh;

namespace Ztunnel.Resources;

/// <summary>Reads which workloads a policy of Istio's is about.</summary>
internal static class PolicySelector
{
    private const string Labels = "matchLabels";

    /// <summary>
    /// Reads <c>spec.selector</c>. With a mistake in it it is taken as about every workload: what stands in for a policy with
    /// mistakes must not be about fewer than the policy was meant for.
    /// </summary>
    public static StringMap Read(Field spec)
    {
        Field selector = spec["selector"];
        bool sound = true;
        foreach ((string name, Field value) in selector[Labels].Entries())
        {
            bool nameIsSound = name.Length > 0 && !name.Contains('*', StringComparison.Ordinal);
            if (!nameIsSound)
                value.Problem("is not the name of a label");
            bool valueIsSound = value.Text(KubernetesSyntax.LabelValueFault) is { } text ? KubernetesSyntax.LabelValueFault(text) is null : !value.Present;
            sound &= nameIsSound && valueIsSound;
        }

        return sound ? selector[Labels].Strings() : StringMap.Empty;
    }
}
