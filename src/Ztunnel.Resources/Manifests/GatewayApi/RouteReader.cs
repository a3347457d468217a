using Ztunnel.Mesh;

namespace Ztunnel.Resources;

/// <summary>Reads what HTTPRoutes and GRPCRoutes have in common.</summary>
internal static class RouteReader
{
    public static readonly IReadOnlySet<string> OfSpecs = Field.Names("useDefaultGateways");

    public static readonly IReadOnlySet<string> OfRules = Field.Names("sessionPersistence");

    private const int MaxWeight = 1_000_000;

    public static ValueArray<ParentReference> Parents(Field parents) => [.. parents.Items().Select(Parent).OfType<ParentReference>()];

    public static ValueArray<string> Hostnames(Field hostnames) => [.. hostnames.Items().Select(HostnameReader.Read).OfType<string>()];

    public static ValueArray<BackendReference> Backends(Field backends, bool grpc) =>
        [.. backends.Items().Select(field => Backend(field, grpc)).OfType<BackendReference>()];

    public static BackendReference? Backend(Field field, bool grpc)
    {
        string? name = field["name"].RequiredText(KubernetesSyntax.SubdomainFault);
        var backend = new BackendReference
        {
            Name = name ?? "",
            Group = field["group"].Text() ?? "",
            Kind = field["kind"].Text() ?? "Service",
            Namespace = field["namespace"].Text(KubernetesSyntax.LabelFault),
            Port = field["port"].PortNumber(),
            Weight = field["weight"].Number(0, MaxWeight, $"a number from 0 to {MaxWeight}") ?? 1,
            Filters = FilterReader.Read(field["filters"], grpc),
        };
        if (backend is { Group: "", Kind: "Service", Port: null } && !field["port"].Present)
            field["port"].Problem("is required where the backend is a Service");
        return name is null ? null : backend;
    }

    public static string? RuleName(Field field) => field.Text(KubernetesSyntax.SubdomainFault) is { Length: > 0 } name ? name : null;

    /// <summary>The headers or query parameters a match is about; of several for one name the first counts.</summary>
    public static ValueArray<NamedMatch> Named(Field list, StringComparer comparer) =>
        [.. list.Items().Select(NamedMatch).OfType<NamedMatch>().DistinctBy(match => match.Name, comparer)];

    /// <summary>A text of the type that stands beside it.</summary>
    public static ValueMatch? Value(Field type, Field value)
    {
        bool regular = type.OneOf(IsRegular) ?? false;
        if (value.Text() is not { } text)
            return null;
        return regular ? Expression(value, text) : ValueMatch.Exact(text);
    }

    /// <summary>A regular expression.</summary>
    public static ValueMatch? Expression(Field field, string text)
    {
        try
        {
            return ValueMatch.Expression(text);
        }
        catch (Exception error) when (error is ArgumentException or NotSupportedException)
        {
            field.Problem(error is NotSupportedException ? "is a regular expression that RE2 does not know either" : $"is no regular expression: {error.Message}");
            return null;
        }
    }

    private static readonly Dictionary<string, bool> IsRegular = new(StringComparer.Ordinal) { ["Exact"] = false, ["RegularExpression"] = true };

    private static NamedMatch? NamedMatch(Field field)
    {
        string? name = field["name"].RequiredText();
        if (!field["value"].Present)
            field["value"].Problem("is required");
        return Value(field["type"], field["value"]) is { } value && name is not null ? new NamedMatch(name, value) : null;
    }

    private static ParentReference? Parent(Field field) =>
        field["name"].RequiredText(KubernetesSyntax.SubdomainFault) is { } name
            ? new ParentReference
            {
                Group = field["group"].Text(),
                Kind = field["kind"].Text(),
                Namespace = field["namespace"].Text(KubernetesSyntax.LabelFault),
                Name = name,
                SectionName = field["sectionName"].Text(KubernetesSyntax.SubdomainFault),
                Port = field["port"].PortNumber(),
            }
            : null;
}
