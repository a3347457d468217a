using Ztunnel.Resources;

namespace Ztunnel.Control;

/// <summary>What keeps a Gateway from being as it is asked for, in the words of its status.</summary>
/// <param name="Reason">Why, in one word.</param>
/// <param name="Message">Why, in one line for a person.</param>
internal abstract record ProvisioningFault(string Reason, string Message)
{
    private const string Accepted = "Accepted";
    private const string Programmed = "Programmed";

    /// <summary>The status of a Gateway with what is wrong.</summary>
    public abstract GatewayApiStatus Apply(GatewayApiStatus status);

    /// <summary>Its parameters cannot be used; what there is stays.</summary>
    public sealed record Parameters(string Message) : ProvisioningFault("InvalidParameters", Message)
    {
        public override GatewayApiStatus Apply(GatewayApiStatus status) => Replace(
            status, new StatusCondition(Accepted, false, Reason, Message), new StatusCondition(Programmed, false, "Invalid", Message));
    }

    /// <summary>Something of the name it needs is there and somebody else's; whether it works all the same shows.</summary>
    public sealed record Taken(string Message) : ProvisioningFault("NoResources", Message)
    {
        public override GatewayApiStatus Apply(GatewayApiStatus status) =>
            status.Conditions.Any(condition => condition is { Type: Programmed, Status: true })
                ? status
                : Replace(status, new StatusCondition(Programmed, false, Reason, Message));
    }

    /// <summary>The API server does not take what is to be made.</summary>
    public sealed record Refused(string Message) : ProvisioningFault("NoResources", Message)
    {
        public override GatewayApiStatus Apply(GatewayApiStatus status) => Replace(status, new StatusCondition(Programmed, false, Reason, Message));
    }

    private static GatewayApiStatus Replace(GatewayApiStatus status, params StatusCondition[] conditions) => status with
    {
        Conditions = [.. status.Conditions.Select(condition => Array.Find(conditions, replacing => replacing.Type == condition.Type) ?? condition)],
    };
}
