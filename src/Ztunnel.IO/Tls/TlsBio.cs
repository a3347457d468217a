using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Ztunnel.IO.Native;

namespace Ztunnel.IO;

/// <summary>Where OpenSSL reads records from and writes records to during one call: memory of the caller's, pinned for that long.</summary>
internal unsafe struct TlsWindow
{
    public byte* Input;
    public int InputLength;
    public byte* Output;
    public int OutputLength;
}

/// <summary>
/// A <c>BIO</c> over a <see cref="TlsWindow"/>: OpenSSL sees as much as the caller lends it and asks again for more, so no
/// bytes are kept between and a batch of records costs one read and one write of the transport.
/// </summary>
internal static unsafe class TlsBio
{
    private const int FlagRead = 0x01;
    private const int FlagWrite = 0x02;
    private const int FlagRetries = 0x0F;
    private const int FlagShouldRetry = 0x08;
    private const int ControlFlush = 11;
    private const int TypeSourceSink = 0x0400;

    private static readonly nint Method = CreateMethod();

    /// <summary>A new BIO over <paramref name="window"/>, which must outlive it.</summary>
    public static nint Create(TlsWindow* window)
    {
        nint bio = OpenSsl.NotNull(Libcrypto.BioNew(Method), "BIO_new");
        Libcrypto.BioSetData(bio, (nint)window);
        Libcrypto.BioSetInit(bio, 1);
        return bio;
    }

    private static nint CreateMethod()
    {
        OpenSsl.EnsureLoaded();
        int type = Libcrypto.BioNewIndex() | TypeSourceSink;
        fixed (byte* name = "ztunnel window\0"u8)
        {
            nint method = OpenSsl.NotNull(Libcrypto.BioMethodNew(type, name), "BIO_meth_new");
            OpenSsl.Check(Libcrypto.BioMethodSetRead(method, &OnRead), "BIO_meth_set_read");
            OpenSsl.Check(Libcrypto.BioMethodSetWrite(method, &OnWrite), "BIO_meth_set_write");
            OpenSsl.Check(Libcrypto.BioMethodSetControl(method, &OnControl), "BIO_meth_set_ctrl");
            return method;
        }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int OnRead(nint bio, byte* target, int length)
    {
        var window = (TlsWindow*)Libcrypto.BioGetData(bio);
        Libcrypto.BioClearFlags(bio, FlagRetries);
        int count = Math.Min(length, window->InputLength);
        if (count <= 0)
        {
            Libcrypto.BioSetFlags(bio, FlagRead | FlagShouldRetry);
            return -1;
        }

        Unsafe.CopyBlockUnaligned(target, window->Input, (uint)count);
        window->Input += count;
        window->InputLength -= count;
        return count;
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int OnWrite(nint bio, byte* source, int length)
    {
        var window = (TlsWindow*)Libcrypto.BioGetData(bio);
        Libcrypto.BioClearFlags(bio, FlagRetries);
        int count = Math.Min(length, window->OutputLength);
        if (count <= 0)
        {
            Libcrypto.BioSetFlags(bio, FlagWrite | FlagShouldRetry);
            return -1;
        }

        Unsafe.CopyBlockUnaligned(window->Output, source, (uint)count);
        window->Output += count;
        window->OutputLength -= count;
        return count;
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static nint OnControl(nint bio, int command, nint number, nint pointer) => command == ControlFlush ? 1 : 0;
}
