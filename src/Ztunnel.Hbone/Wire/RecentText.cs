using System.Text;

namespace Ztunnel.Hbone.Wire;

/// <summary>
/// Strings seen lately, found by their bytes: authorities and identities come again and again, and then cost no allocation.
/// A few slots, as every connection has its own, each holding the last string that fell into it, so a peer cannot make it grow.
/// </summary>
internal sealed class RecentText
{
    private const int SlotCount = 16;
    private const int MaxLength = 512;

    private readonly string?[] _slots = new string?[SlotCount];

    /// <summary>The text of <paramref name="bytes"/>; bytes above 0x7f become the characters of the same value.</summary>
    public string Get(ReadOnlySpan<byte> bytes)
    {
        if (bytes.IsEmpty)
            return string.Empty;
        if (bytes.Length > MaxLength)
            return Encoding.Latin1.GetString(bytes);
        var hash = default(HashCode);
        hash.AddBytes(bytes);
        ref string? slot = ref _slots[hash.ToHashCode() & (SlotCount - 1)];
        if (slot is null || !Ascii.Equals(bytes, slot))
            slot = Encoding.Latin1.GetString(bytes);
        return slot;
    }
}
