namespace Ztunnel.Resources;

/// <summary>Tells whose status may have changed.</summary>
public sealed class StatusChangedEventArgs(ObjectKey key) : EventArgs
{
    /// <summary>The object.</summary>
    public ObjectKey Key => key;
}
