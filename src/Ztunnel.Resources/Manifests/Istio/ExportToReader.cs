using Ztunnel.Mesh;

namespace Ztunnel.Resources;

/// <summary>Reads Istio's <c>exportTo</c>: names of namespaces, <c>.</c> for the object's own, <c>*</c> for all, <c>~</c> for none.</summary>
internal static class ExportToReader
{
    public static ValueArray<string> Read(Field list)
    {
        string[] read = [.. list.Items().Select(item => item.RequiredText(Fault)).OfType<string>().Distinct(StringComparer.Ordinal)];
        if (read.Length > 1 && (read.Contains("~", StringComparer.Ordinal) || read.Contains("*", StringComparer.Ordinal)))
            list.Problem("may hold nothing beside * or ~");
        return [.. read];
    }

    private static string? Fault(string name) => name is "." or "*" or "~" ? null : KubernetesSyntax.LabelFault(name);
}
