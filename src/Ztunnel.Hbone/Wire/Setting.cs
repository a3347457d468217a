namespace Ztunnel.Hbone.Wire;

/// <summary>One entry of a SETTINGS frame.</summary>
/// <param name="Id">Which setting; unnamed values are possible and to be ignored.</param>
/// <param name="Value">Its value.</param>
public readonly record struct Setting(SettingId Id, uint Value)
{
    /// <summary>Bytes an entry takes on the wire.</summary>
    public const int Size = 6;
}
