namespace Ztunnel.Resources;

/// <summary>Reads a <c>status.conditions</c>.</summary>
internal static class Conditions
{
    /// <summary>Whether the condition of type <c>Ready</c> holds, or null where there is none. <c>Unknown</c> is not holding.</summary>
    public static bool? ReadyCondition(this Field conditions)
    {
        bool? ready = null;
        foreach (Field condition in conditions.Items())
        {
            if (string.Equals(condition["type"].RequiredText(), "Ready", StringComparison.Ordinal))
                ready = string.Equals(condition["status"].RequiredText(), "True", StringComparison.Ordinal);
        }

        return ready;
    }
}
