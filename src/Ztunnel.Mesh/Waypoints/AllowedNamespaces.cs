namespace Ztunnel.Mesh;

/// <summary>From which namespaces a listener may be attached to (Gateway API <c>allowedRoutes.namespaces</c>).</summary>
public abstract record AllowedNamespaces
{
    /// <summary>From the Gateway's own only, the default.</summary>
    public static readonly AllowedNamespaces Same = new OwnNamespace();

    /// <summary>From all.</summary>
    public static readonly AllowedNamespaces All = new EveryNamespace();

    /// <summary>From none.</summary>
    public static readonly AllowedNamespaces None = new NoNamespace();

    private AllowedNamespaces()
    {
    }

    /// <summary>Whether an object in <paramref name="consumer"/>, a namespace with <paramref name="labels"/>, may attach to a Gateway in <paramref name="own"/>.</summary>
    public abstract bool Admits(string own, string consumer, StringMap labels);

    /// <summary>From those whose labels match.</summary>
    public sealed record Matching(LabelSelector Selector) : AllowedNamespaces
    {
        /// <inheritdoc/>
        public override bool Admits(string own, string consumer, StringMap labels) => Selector.Matches(labels);
    }

    private sealed record OwnNamespace : AllowedNamespaces
    {
        public override bool Admits(string own, string consumer, StringMap labels) => string.Equals(own, consumer, StringComparison.Ordinal);
    }

    private sealed record EveryNamespace : AllowedNamespaces
    {
        public override bool Admits(string own, string consumer, StringMap labels) => true;
    }

    private sealed record NoNamespace : AllowedNamespaces
    {
        public override bool Admits(string own, string consumer, StringMap labels) => false;
    }
}
