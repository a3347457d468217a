using Ztunnel.Mesh;

namespace Ztunnel.Resources;

/// <summary>
/// Reads the body of an AuthorizationPolicy by the rules of Istio's own validation. All fields it has are asked for, since
/// leaving one out would let a rule match more than was meant.
/// </summary>
internal static class AuthorizationPolicyReader
{
    private static readonly Dictionary<string, PolicyAction> Actions = new(StringComparer.Ordinal)
    {
        ["ALLOW"] = PolicyAction.Allow,
        ["DENY"] = PolicyAction.Deny,
        ["AUDIT"] = PolicyAction.Audit,
        ["CUSTOM"] = PolicyAction.Custom,
    };

    public static AuthorizationPolicyObject Read(ObjectMetadata metadata, Field root)
    {
        Field spec = root["spec"], action = spec["action"];
        // Whom the CUSTOM action would ask, if there were anybody.
        spec["provider"]["name"].Text();
        return new AuthorizationPolicyObject
        {
            Metadata = metadata,
            // What stands in for a policy whose action is a mistake denies.
            Action = action.OneOf(Actions) ?? (action.Present ? PolicyAction.Deny : PolicyAction.Allow),
            Selector = PolicySelector.Read(spec),
            Targets = PolicyTargets.Read(metadata, spec),
            Rules = [.. spec["rules"].Items().Select(ReadRule)],
        };
    }

    private static RuleSpec ReadRule(Field rule)
    {
        if (!rule.Present)
            rule.Problem("must not be empty; {} is the rule that matches everything");
        return new RuleSpec(
            [.. ReadList(rule["from"]).Select(item => ReadMatch(item, "source", PolicyAttributes.OfSources))],
            [.. ReadList(rule["to"]).Select(item => ReadMatch(item, "operation", PolicyAttributes.OfOperations))],
            [.. rule["when"].Items().Select(ReadCondition)]);
    }

    private static IEnumerable<Field> ReadList(Field list)
    {
        if (list.IsEmptyList)
            list.Problem("must not be empty; without it anything matches");
        return list.Items();
    }

    private static MatchSpec ReadMatch(Field item, string name, IReadOnlyList<string> known)
    {
        Field fields = item[name];
        var attributes = new List<AttributeSpec>();
        bool any = false;
        foreach ((string attribute, bool negated) in known.SelectMany(attribute => new[] { (attribute, false), (attribute, true) }))
        {
            Field list = fields[negated ? PolicyAttributes.Not(attribute) : attribute];
            any |= IsGiven(list);
            if (ReadValues(list, attribute) is { Length: > 0 } values)
                attributes.Add(new AttributeSpec(attribute, negated, [.. values]));
        }

        if (!any)
            fields.Problem("needs at least one attribute");
        bool Has(string attribute) => attributes.Exists(given => string.Equals(given.Name, attribute, StringComparison.Ordinal));
        if (Has("serviceAccounts") && (Has("principals") || Has("namespaces")))
            fields["serviceAccounts"].Problem("may not stand beside principals or namespaces");
        return new MatchSpec([.. attributes]);
    }

    private static MatchSpec ReadCondition(Field condition)
    {
        string? key = condition["key"].RequiredText(PolicyAttributes.KeyFault);
        Field values = condition["values"], notValues = condition["notValues"];
        if (!IsGiven(values) && !IsGiven(notValues))
            condition.Problem("needs values or notValues");
        var demands = new List<AttributeSpec>();
        foreach ((Field field, bool negated) in new[] { (values, false), (notValues, true) })
        {
            if (ReadValues(field, key ?? "") is { Length: > 0 } read)
                demands.Add(new AttributeSpec(key ?? "", negated, [.. read]));
        }

        return new MatchSpec([.. demands]);
    }

    private static bool IsGiven(Field list) => list.Present && !list.IsEmptyList;

    private static string[] ReadValues(Field list, string attribute) =>
        [.. list.Items().Select(item => item.RequiredText(value => PolicyAttributes.ValueFault(attribute, value))).OfType<string>()];
}
