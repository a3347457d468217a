namespace Ztunnel.Mesh;

/// <summary>Spreads what a number says over all its bits. Not against those who mean harm.</summary>
public static class BitMix
{
    /// <summary>What SplitMix64 goes on by from one number to the next (Steele, Lea, Flood 2014).</summary>
    public const ulong Step = 0x9E37_79B9_7F4A_7C15;

    /// <summary>The number with its bits mixed (the end of SplitMix64): another for each number.</summary>
    public static ulong Of(ulong number)
    {
        number = (number ^ (number >> 30)) * 0xBF58_476D_1CE4_E5B9;
        number = (number ^ (number >> 27)) * 0x94D0_49BB_1331_11EB;
        return number ^ (number >> 31);
    }
}
