using System.Runtime.InteropServices;

namespace Ztunnel.IO.Native;

/// <summary>Error numbers of Linux and what they mean for a channel.</summary>
internal static class Errno
{
    public const int NotPermitted = 1;
    public const int NoEntry = 2;
    public const int Interrupted = 4;
    public const int BadDescriptor = 9;
    public const int TryAgain = 11;
    public const int OutOfMemory = 12;
    public const int PermissionDenied = 13;
    public const int NotADirectory = 20;
    public const int InvalidArgument = 22;
    public const int FileTableFull = 23;
    public const int TooManyFiles = 24;
    public const int BrokenPipe = 32;
    public const int NotImplemented = 38;
    public const int ConnectionAborted = 103;
    public const int ConnectionReset = 104;
    public const int NoBuffers = 105;
    public const int TimedOut = 110;
    public const int ConnectionRefused = 111;
    public const int HostDown = 112;
    public const int HostUnreachable = 113;
    public const int InProgress = 115;

    private const int NetworkDown = 100;
    private const int NetworkUnreachable = 101;

    /// <summary>The errno the last call of <see cref="Libc"/> left.</summary>
    public static int Last => Marshal.GetLastPInvokeError();

    /// <summary>The failure an error number stands for, with <paramref name="action"/> ("connect to 10.0.0.1:80") in front of its text.</summary>
    public static ChannelFailure ToFailure(int errno, string action)
    {
        FailureKind kind = errno switch
        {
            ConnectionRefused => FailureKind.Refused,
            // EACCES is what ICMPv6 "administratively prohibited" becomes.
            HostUnreachable or NetworkUnreachable or HostDown or NetworkDown or PermissionDenied => FailureKind.Unreachable,
            TimedOut => FailureKind.TimedOut,
            ConnectionReset or BrokenPipe or ConnectionAborted => FailureKind.Reset,
            _ => FailureKind.Local,
        };
        return new ChannelFailure(kind, $"{action}: {Text(errno)}");
    }

    /// <summary>The system's own words for an error number.</summary>
    public static string Text(int errno) => Marshal.GetPInvokeErrorMessage(errno);
}
