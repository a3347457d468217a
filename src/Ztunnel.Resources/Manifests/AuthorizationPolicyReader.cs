using Ztunnel.Mesh;

namespace Ztunnel.Resources;

/// <summary>
/// Reads the body of an AuthorizationPolicy by the rules of Istio's own validation. An attribute of a source or operation
/// that is not known is kept by name, since leaving it out would let the rule match more than was meant.
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
        IEnumerable<MatchSpec> unknown = Unknown(rule, "from", "to", "when");
        return new RuleSpec(
            [.. ReadList(rule["from"]).Select(item => ReadMatch(item, "source", PolicyAttributes.OfSources))],
            [.. ReadList(rule["to"]).Select(item => ReadMatch(item, "operation", PolicyAttributes.OfOperations))],
            [.. rule["when"].Items().SelectMany(ReadCondition), .. unknown]);
    }

    private static IEnumerable<Field> ReadList(Field list)
    {
        if (list.IsEmptyList)
            list.Problem("must not be empty; without it anything matches");
        return list.Items();
    }

    private static MatchSpec ReadMatch(Field item, string name, IReadOnlySet<string> known)
    {
        Field fields = item[name];
        var attributes = new List<AttributeSpec>(Unknown(item, name).SelectMany(match => match.Attributes));
        bool any = attributes.Count > 0;
        foreach ((string key, _) in fields.Entries())
        {
            any |= IsGiven(fields[key]);
            bool negated = key.Length > 3 && key.StartsWith("not", StringComparison.Ordinal) && char.IsAsciiLetterUpper(key[3]);
            string attribute = negated ? char.ToLowerInvariant(key[3]) + key[4..] : key;
            if (!known.Contains(attribute))
                attributes.Add(Unknown(key));
            else if (ReadValues(fields[key], attribute) is { Length: > 0 } values)
                attributes.Add(new AttributeSpec(attribute, negated, [.. values]));
        }

        if (!any)
            fields.Problem("needs at least one attribute");
        bool Has(string attribute) => attributes.Exists(given => string.Equals(given.Name, attribute, StringComparison.Ordinal));
        if (Has("serviceAccounts") && (Has("principals") || Has("namespaces")))
            fields["serviceAccounts"].Problem("may not stand beside principals or namespaces");
        return new MatchSpec([.. attributes]);
    }

    private static IEnumerable<MatchSpec> ReadCondition(Field condition)
    {
        string? key = condition["key"].RequiredText(PolicyAttributes.KeyFault);
        Field values = condition["values"], notValues = condition["notValues"];
        if (!IsGiven(values) && !IsGiven(notValues))
            condition.Problem("needs values or notValues");
        var demands = new List<AttributeSpec>(Unknown(condition, "key", "values", "notValues").SelectMany(match => match.Attributes));
        foreach ((Field field, bool negated) in new[] { (values, false), (notValues, true) })
        {
            if (ReadValues(field, key ?? "") is { Length: > 0 } read)
                demands.Add(new AttributeSpec(key ?? "", negated, [.. read]));
        }

        return [new MatchSpec([.. demands])];
    }

    private static bool IsGiven(Field list) => list.Present && !list.IsEmptyList;

    private static string[] ReadValues(Field list, string attribute) =>
        [.. list.Items().Select(item => item.RequiredText(value => PolicyAttributes.ValueFault(attribute, value))).OfType<string>()];

    private static IEnumerable<MatchSpec> Unknown(Field mapping, params string[] known) => mapping.Entries()
        .Where(entry => !known.Contains(entry.Name, StringComparer.Ordinal))
        .Select(entry => new MatchSpec([Unknown(entry.Name)]));

    private static AttributeSpec Unknown(string name) => new(YamlScalar.Show(name), Negated: false, []);
}
