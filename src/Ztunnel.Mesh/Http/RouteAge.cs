namespace Ztunnel.Mesh;

/// <summary>Which of two objects goes first where all else is equal: the older, then by namespace and name (Gateway API).</summary>
public static class RouteAge
{
    /// <summary>Compares two objects; one whose age is not known is taken for the youngest.</summary>
    public static int Compare((DateTimeOffset? Created, string Namespace, string Name) a, (DateTimeOffset? Created, string Namespace, string Name) b)
    {
        int order = (a.Created ?? DateTimeOffset.MaxValue).CompareTo(b.Created ?? DateTimeOffset.MaxValue);
        if (order == 0)
            order = string.CompareOrdinal(a.Namespace, b.Namespace);
        return order == 0 ? string.CompareOrdinal(a.Name, b.Name) : order;
    }
}
