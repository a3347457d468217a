namespace Ztunnel.Hbone.Wire;

/// <summary>The names behind <see cref="KnownHeader"/>.</summary>
public static class KnownHeaders
{
    /// <summary>The name's bytes, lower case; empty for <see cref="KnownHeader.None"/>.</summary>
    public static ReadOnlySpan<byte> Name(KnownHeader header) => throw new NotImplementedException();

    /// <summary>The name as a shared string.</summary>
    public static string Text(KnownHeader header) => throw new NotImplementedException();

    /// <summary>The constant for a name, compared byte for byte (names on the wire are lower case), or <see cref="KnownHeader.None"/>.</summary>
    public static KnownHeader Find(ReadOnlySpan<byte> name) => throw new NotImplementedException();
}
