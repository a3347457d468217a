using System.Collections.Immutable;

namespace Ztunnel.Control;

/// <summary>What is to be done about a Gateway.</summary>
public abstract record GatewayPlan
{
    private GatewayPlan()
    {
    }

    /// <summary>Nothing: its class or its revision is another controller's.</summary>
    public sealed record Foreign : GatewayPlan;

    /// <summary>Nothing: it says by its addresses, or by its class, that somebody else runs it.</summary>
    public sealed record Unmanaged : GatewayPlan;

    /// <summary>What there is stays as it is, as what is asked for cannot be made.</summary>
    /// <param name="Reason">Why, with the object and field.</param>
    public sealed record Invalid(string Reason) : GatewayPlan;

    /// <summary>These objects are to be there.</summary>
    /// <param name="Objects">The objects, in the order in which they are made.</param>
    /// <param name="ServiceAccount">The service account its pods run as.</param>
    public sealed record Managed(ImmutableArray<MadeObject> Objects, string ServiceAccount) : GatewayPlan;
}
