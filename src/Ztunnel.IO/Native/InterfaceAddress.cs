using System.Runtime.InteropServices;

namespace Ztunnel.IO.Native;

/// <summary>The head of <c>struct ifaddrs</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct InterfaceAddress
{
    public InterfaceAddress* Next;
    public byte* Name;
    public uint Flags;
    public byte* Address;
}
