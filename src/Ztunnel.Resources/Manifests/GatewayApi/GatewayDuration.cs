using System.Globalization;

namespace Ztunnel.Resources;

/// <summary>Durations as Gateway API writes them (GEP-2257): up to four numbers of up to five digits, each with h, m, s or ms.</summary>
internal static class GatewayDuration
{
    private const int MaxParts = 4;
    private const int MaxDigits = 5;

    /// <summary>The duration; null for what is none.</summary>
    public static TimeSpan? TryParse(string text)
    {
        TimeSpan sum = TimeSpan.Zero;
        ReadOnlySpan<char> rest = text;
        for (int parts = 0; parts < MaxParts && (parts == 0 || !rest.IsEmpty); parts++)
        {
            int digits = rest.IndexOfAnyExceptInRange('0', '9');
            if (digits is <= 0 or > MaxDigits)
                return null;
            int number = int.Parse(rest[..digits], NumberStyles.None, CultureInfo.InvariantCulture);
            rest = rest[digits..];
            int unit = rest.StartsWith("ms", StringComparison.Ordinal) ? 2 : 1;
            switch (rest[..unit])
            {
                case "h":
                    sum += TimeSpan.FromHours(number);
                    break;
                case "m":
                    sum += TimeSpan.FromMinutes(number);
                    break;
                case "s":
                    sum += TimeSpan.FromSeconds(number);
                    break;
                case "ms":
                    sum += TimeSpan.FromMilliseconds(number);
                    break;
                default:
                    return null;
            }

            rest = rest[unit..];
        }

        return rest.IsEmpty ? sum : null;
    }
}
