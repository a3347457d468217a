using System.CommandLine;
using System.CommandLine.Parsing;
using System.Net;

namespace Ztunnel;

/// <summary>A flag whose value is an address with a port; anything else is a mistake that names the flag.</summary>
internal static class AddressFlag
{
    public static Option<string> Create(string name, string @default, string description)
    {
        var option = new Option<string>(name) { Description = description, DefaultValueFactory = _ => @default };
        option.Validators.Add(result => Require(
            result, IPEndPoint.TryParse(result.GetValueOrDefault<string>() ?? "", out IPEndPoint? at) && at.Port > 0, "must be IP:PORT"));
        return option;
    }

    private static void Require(OptionResult result, bool met, string demand)
    {
        if (!met)
            result.AddError($"{result.Option.Name} {demand}, got \"{string.Join(' ', result.Tokens.Select(t => t.Value))}\"");
    }
}
