using System.Runtime.InteropServices;

namespace Ztunnel.IO.Native;

/// <summary>One reference to an <c>SSL_CTX</c>; OpenSSL counts the references its connections hold itself.</summary>
internal sealed class SslContextHandle : SafeHandle
{
    public SslContextHandle()
        : base(0, ownsHandle: true)
    {
        OpenSsl.EnsureLoaded();
        SetHandle(OpenSsl.NotNull(Libssl.ContextNew(Libssl.Method()), "SSL_CTX_new"));
    }

    public override bool IsInvalid => handle == 0;

    protected override bool ReleaseHandle()
    {
        Libssl.ContextFree(handle);
        return true;
    }
}

/// <summary>One reference to an <c>EVP_PKEY</c>, which OpenSSL wipes when the last is gone.</summary>
internal sealed class PrivateKeyHandle : SafeHandle
{
    public PrivateKeyHandle(nint key)
        : base(key, ownsHandle: true)
    {
    }

    public override bool IsInvalid => handle == 0;

    protected override bool ReleaseHandle()
    {
        Libcrypto.PrivateKeyFree(handle);
        return true;
    }
}
