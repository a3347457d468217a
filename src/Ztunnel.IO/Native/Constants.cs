namespace Ztunnel.IO.Native;

/// <summary>Numbers of the Linux system call interface, the same on x86-64 and arm64 (asm-generic).</summary>
internal static class Constants
{
    public const int AfUnix = 1;
    public const int AfInet = 2;
    public const int AfInet6 = 10;
    public const int SockStream = 1;
    public const int SockDatagram = 2;
    public const int SockSeqPacket = 5;
    public const int SockNonBlock = 0x800;
    public const int SockCloseOnExec = 0x80000;

    public const int SolSocket = 1;
    public const int SoReuseAddr = 2;
    public const int SoError = 4;
    public const int SoSendBuffer = 7;
    public const int SoReceiveBuffer = 8;
    public const int SoKeepAlive = 9;
    public const int SoOutOfBandInline = 10;
    public const int SoLinger = 13;
    public const int SoReusePort = 15;
    public const int SoPeerCredentials = 17;
    public const int SoReceiveTimeout = 20;
    public const int SoSendTimeout = 21;
    public const int ScmRights = 1;
    public const int SoMark = 36;

    public const int SolIp = 0;
    public const int IpTransparent = 19;
    public const int IpBindAddressNoPort = 24;
    public const int SoOriginalDestination = 80;

    public const int SolIpv6 = 41;
    public const int Ipv6Only = 26;
    public const int Ipv6Transparent = 75;

    public const int SolTcp = 6;
    public const int TcpNoDelay = 1;
    public const int TcpKeepIdle = 4;
    public const int TcpKeepInterval = 5;
    public const int TcpKeepCount = 6;
    public const int TcpNotSentLowWater = 25;

    public const int ShutWrite = 1;
    public const int ShutBoth = 2;
    public const int MsgNoSignal = 0x4000;
    public const int MsgCloseOnExec = 0x40000000;
    public const int DuplicateCloseOnExec = 1030;

    public const int OpenReadOnly = 0;
    public const int OpenNonBlock = 0x800;
    public const int OpenCloseOnExec = 0x80000;
    public const int SetPipeSize = 1031;
    public const uint SpliceMove = 1;
    public const uint SpliceNonBlock = 2;

    public const int CloneNewNet = 0x40000000;
    public const nuint NsGetNsType = 0xb703;
    public const nuint SetInterfaceFlags = 0x8914;
    public const int AtEmptyPath = 0x1000;
    public const uint StatxInode = 0x100;

    public const int EpollCloseOnExec = 0x80000;
    public const int EpollCtlAdd = 1;
    public const int EpollCtlDelete = 2;
    public const uint EpollIn = 0x1;
    public const uint EpollPri = 0x2;
    public const uint EpollOut = 0x4;
    public const uint EpollErr = 0x8;
    public const uint EpollHup = 0x10;
    public const uint EpollRdHup = 0x2000;
    public const uint EpollEdge = 1u << 31;
}
