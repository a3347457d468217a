using System.Collections.Immutable;
using System.Text.RegularExpressions;
using Ztunnel.Mesh;

namespace Ztunnel;

/// <summary>Label selectors as kubectl takes them: <c>a=b,c!=d,e,!f,g in (x,y),h notin (z)</c>.</summary>
internal static partial class LabelSelectorText
{
    /// <summary>Reads one; null, and why, when it is none.</summary>
    public static LabelSelector? Parse(string text, out string? fault)
    {
        fault = null;
        var demands = ImmutableArray.CreateBuilder<LabelDemand>();
        foreach (string part in Comma().Split(text).Select(part => part.Trim()))
        {
            Match match = Demand().Match(part);
            if (!match.Success)
            {
                fault = $"\"{part}\" is no demand on a label, such as istio-discovery=enabled";
                return null;
            }

            demands.Add(Read(match));
        }

        return new LabelSelector { Demands = demands.ToImmutable() };
    }

    private static LabelDemand Read(Match match)
    {
        string key = match.Groups["key"].Value;
        if (match.Groups["set"].Success)
        {
            ImmutableArray<string> values = [.. match.Groups["values"].Value.Split(',', StringSplitOptions.TrimEntries)];
            return new LabelDemand(key, match.Groups["set"].Value == "in" ? LabelOperator.In : LabelOperator.NotIn, values);
        }

        if (match.Groups["equals"].Success)
            return new LabelDemand(key, match.Groups["equals"].Value == "!=" ? LabelOperator.NotIn : LabelOperator.In, [match.Groups["value"].Value]);
        return new LabelDemand(key, match.Groups["not"].Length > 0 ? LabelOperator.DoesNotExist : LabelOperator.Exists, []);
    }

    /// <summary>A comma that is not within parentheses.</summary>
    [GeneratedRegex(@",(?![^()]*\))", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Comma();

    [GeneratedRegex(
        @"^(?:(?<key>[\w./-]+)\s*(?:(?<equals>==?|!=)\s*(?<value>[\w.-]*)|\s(?<set>in|notin)\s*\((?<values>[\w.,\s-]*)\))|(?<not>!?)\s*(?<key>[\w./-]+))$",
        RegexOptions.ExplicitCapture,
        matchTimeoutMilliseconds: 1000)]
    private static partial Regex Demand();
}
