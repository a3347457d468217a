namespace Ztunnel.Hbone.Wire;

/// <summary>Every violation the wire readers report; compare by reference or by value.</summary>
public static class Violations
{
}
