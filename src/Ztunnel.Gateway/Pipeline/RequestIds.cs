using System.Security.Cryptography;

namespace Ztunnel.Gateway;

/// <summary>
/// Makes ids for requests that have none: random UUIDs (RFC 9562, version 4). Asks the kernel for what is random in them once for
/// many. Loop thread only.
/// </summary>
internal sealed class RequestIds
{
    private const int Length = 16;

    private readonly byte[] _random = new byte[64 * Length];
    private int _used = 64 * Length;

    /// <summary>Another.</summary>
    public string Next()
    {
        if (_used == _random.Length)
        {
            RandomNumberGenerator.Fill(_random);
            _used = 0;
        }

        Span<byte> id = _random.AsSpan(_used, Length);
        _used += Length;
        id[6] = (byte)((id[6] & 0x0f) | 0x40);
        id[8] = (byte)((id[8] & 0x3f) | 0x80);
        return new Guid(id, bigEndian: true).ToString();
    }
}
