using System.Net;

namespace Ztunnel.Resources;

/// <summary>The system's resolver: what its <c>hosts</c> file and its name servers say.</summary>
public sealed class SystemNameResolver : INameResolver
{
    /// <inheritdoc/>
    public async Task<IReadOnlyList<IPAddress>> Resolve(string name, CancellationToken cancellationToken) =>
        await Dns.GetHostAddressesAsync(name, cancellationToken);
}
