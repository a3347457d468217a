namespace Ztunnel.Resources;

/// <summary>One of the conditions of a status, as Kubernetes writes them.</summary>
/// <param name="Type">What it is about, such as <c>Accepted</c>.</param>
/// <param name="Status">Whether it holds.</param>
/// <param name="Reason">Why, in one word that Gateway API gives a meaning.</param>
/// <param name="Message">Why, in one line for a person.</param>
public sealed record StatusCondition(string Type, bool Status, string Reason, string Message)
{
    /// <summary>Names the fields of an object of which nothing comes, so that nobody relies on them.</summary>
    internal static StatusCondition NotEnforced(IEnumerable<string> fields) =>
        new("PartiallyEnforced", true, "UnsupportedFields", $"not enforced: {string.Join(", ", fields)}");

    /// <summary>The form messages use: <c>Accepted=True/Accepted</c>.</summary>
    public override string ToString() => $"{Type}={(Status ? "True" : "False")}/{Reason}";
}
