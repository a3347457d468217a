using System.Globalization;

namespace Ztunnel.Testing.Api;

/// <summary>A time span as tables tell it: one or two units, the finer one only while it matters.</summary>
internal static class HumanDuration
{
    /// <summary>Such as <c>45s</c>, <c>3m20s</c>, <c>5h</c>, <c>2d3h</c>, <c>400d</c>, <c>3y12d</c>.</summary>
    public static string Of(TimeSpan span)
    {
        long seconds = (long)span.TotalSeconds;
        if (seconds < -1)
            return "<invalid>";
        if (seconds < 0)
            return "0s";
        if (seconds < 120)
            return Text(seconds, "s");
        long minutes = seconds / 60;
        if (minutes < 10)
            return Pair(minutes, "m", seconds % 60, "s");
        if (minutes < 180)
            return Text(minutes, "m");
        long hours = minutes / 60;
        if (hours < 8)
            return Pair(hours, "h", minutes % 60, "m");
        if (hours < 48)
            return Text(hours, "h");
        long days = hours / 24;
        if (hours < 192)
            return Pair(days, "d", hours % 24, "h");
        if (days < 730)
            return Text(days, "d");
        return days < 2920 ? Pair(days / 365, "y", days % 365, "d") : Text(days / 365, "y");
    }

    private static string Pair(long coarse, string unit, long fine, string fineUnit) =>
        fine == 0 ? Text(coarse, unit) : Text(coarse, unit) + Text(fine, fineUnit);

    private static string Text(long count, string unit) => count.ToString(CultureInfo.InvariantCulture) + unit;
}
