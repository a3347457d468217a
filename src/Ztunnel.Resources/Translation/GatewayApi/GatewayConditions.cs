using System.Collections.Immutable;
using Ztunnel.Mesh;

namespace Ztunnel.Resources;

/// <summary>The conditions of a Gateway.</summary>
public static class GatewayConditions
{
    internal static ValueArray<StatusCondition> Of(GatewayObject gateway, GatewayRole role, ImmutableArray<ListenerState> listeners, GatewayAddresses addresses)
    {
        if (role == GatewayRole.Remote)
        {
            return
            [
                new StatusCondition("Accepted", true, "Accepted", "Resource accepted"),
                new StatusCondition("Programmed", true, "Programmed", "This Gateway is remote; nothing is programmed for it here"),
            ];
        }

        StatusCondition accepted = Accepted(gateway, listeners, addresses);
        return [accepted, Programmed(accepted, listeners, addresses)];
    }

    /// <summary>What is wrong with where a Gateway's parameters are to come from; null if nothing.</summary>
    public static string? ParametersFault(this GatewayObject gateway)
    {
        ArgumentNullException.ThrowIfNull(gateway);
        return gateway.ParametersKind is null or "ConfigMap" ? null : $"parameters of kind {gateway.ParametersKind} are not known";
    }

    private static StatusCondition Accepted(GatewayObject gateway, ImmutableArray<ListenerState> listeners, GatewayAddresses addresses)
    {
        const string Type = "Accepted";
        if (gateway.ParametersFault() is { } fault)
            return new StatusCondition(Type, false, "InvalidParameters", fault);
        if (addresses.Unsupported is { } unsupported)
            return new StatusCondition(Type, false, "UnsupportedAddress", $"addresses of type {YamlScalar.Show(unsupported)} are not supported");
        if (!listeners.Any(listener => listener.Refusal is null))
            return new StatusCondition(Type, false, "ListenersNotValid", "None of the Gateway's listeners are valid");
        return listeners.All(listener => listener.Refusal is null)
            ? new StatusCondition(Type, true, "Accepted", "Resource accepted")
            : new StatusCondition(Type, true, "ListenersNotValid", "One or more of the Gateway's listeners are invalid");
    }

    private static StatusCondition Programmed(StatusCondition accepted, ImmutableArray<ListenerState> listeners, GatewayAddresses addresses)
    {
        const string Type = "Programmed";
        if (!accepted.Status)
            return new StatusCondition(Type, false, "Invalid", accepted.Message);
        if (!listeners.Any(listener => listener.Programmed))
            return new StatusCondition(Type, false, "Invalid", "None of the Gateway's listeners can be served");
        return addresses.Fault is { } fault
            ? new StatusCondition(Type, false, fault.Reason, fault.Message)
            : new StatusCondition(Type, true, "Programmed", addresses.AssignedTo is { } to ? $"Resource programmed, {to}" : "Resource programmed");
    }
}
