using System.Collections.Immutable;
using System.Security.Cryptography;

namespace Ztunnel.Identity;

/// <summary>
/// A chain and its leaf's key, on the way from the authority to where it is used. Disposing it forgets the key.
/// </summary>
/// <param name="chain">The certificates to present, leaf first.</param>
/// <param name="key">The leaf's key, owned from here on.</param>
internal sealed class KeyedCertificate(ImmutableArray<ParsedCertificate> chain, ECDsa key) : IDisposable
{
    public ImmutableArray<ParsedCertificate> Chain { get; } = chain;

    public ECDsa Key { get; } = key;

    public void Dispose() => Key.Dispose();
}
