using System.Buffers;
using System.Globalization;

namespace Ztunnel.Resources;

/// <summary>Durations as Istio's objects write them (Go's <c>time.ParseDuration</c>): numbers, also with a fraction, each with its unit.</summary>
internal static class IstioDuration
{
    private static readonly SearchValues<char> NumberCharacters = SearchValues.Create("0123456789.");

    private static readonly (string Unit, double Seconds)[] Units =
        [("ns", 1e-9), ("us", 1e-6), ("ms", 1e-3), ("h", 3600), ("m", 60), ("s", 1)];

    /// <summary>The duration, from zero; null for what is none.</summary>
    public static TimeSpan? TryParse(string text)
    {
        double sum = 0;
        ReadOnlySpan<char> rest = text;
        do
        {
            int digits = rest.IndexOfAnyExcept(NumberCharacters);
            if (digits <= 0 || !double.TryParse(rest[..digits], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double number))
                return null;
            rest = rest[digits..];
            if (!TryUnit(ref rest, out double seconds))
                return null;
            sum += number * seconds;
        }
        while (!rest.IsEmpty);
        return sum <= TimeSpan.MaxValue.TotalSeconds / 2 ? TimeSpan.FromSeconds(sum) : null;
    }

    private static bool TryUnit(ref ReadOnlySpan<char> text, out double seconds)
    {
        foreach ((string unit, double its) in Units)
        {
            if (!text.StartsWith(unit, StringComparison.Ordinal))
                continue;
            text = text[unit.Length..];
            seconds = its;
            return true;
        }

        seconds = 0;
        return false;
    }
}
