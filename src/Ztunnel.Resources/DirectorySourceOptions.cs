namespace Ztunnel.Resources;

/// <summary>How a <see cref="DirectorySource"/> watches.</summary>
public sealed record DirectorySourceOptions
{
    /// <summary>How long a directory must be quiet before it is read, so that a file is not read while half written.</summary>
    public TimeSpan Settle { get; init; } = TimeSpan.FromMilliseconds(50);

    /// <summary>How long reading is put off at most while the directory does not become quiet.</summary>
    public TimeSpan MaxSettle { get; init; } = TimeSpan.FromMilliseconds(300);

    /// <summary>
    /// How often time stamps are looked at even if nothing was notified: for changes behind links and on file systems that
    /// notify nothing.
    /// </summary>
    public TimeSpan Rescan { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>Whether to be notified of changes (inotify); otherwise they show when time stamps are looked at.</summary>
    public bool Notify { get; init; } = true;

    /// <summary>The time.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;
}
