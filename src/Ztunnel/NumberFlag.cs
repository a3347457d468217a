using System.CommandLine;
using System.Globalization;
using System.Numerics;

namespace Ztunnel;

/// <summary>A flag whose value is a number within bounds; anything else is a mistake that names the flag.</summary>
internal static class NumberFlag
{
    public static Option<T> Create<T>(string name, T @default, T min, T max, string description)
        where T : struct, INumber<T> => new(name)
        {
            Description = description,
            DefaultValueFactory = _ => @default,
            CustomParser = result =>
            {
                string given = result.Tokens[0].Value;
                if (T.TryParse(given, NumberStyles.Float, CultureInfo.InvariantCulture, out T value) && value >= min && value <= max)
                    return value;
                result.AddError($"{name} must be a number from {min} to {max}, got \"{given}\"");
                return default;
            },
        };
}
