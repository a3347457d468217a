using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Ztunnel.Resources;

namespace Ztunnel.EndToEnd.Tests;

/// <summary>The names of a lab, in place of a name server.</summary>
internal sealed class NameTable : INameResolver
{
    private readonly ConcurrentDictionary<string, IPAddress> _names = new(StringComparer.Ordinal);

    public void Add(string name, IPAddress address) => _names[name] = address;

    public Task<IReadOnlyList<IPAddress>> Resolve(string name, CancellationToken cancellationToken) => _names.TryGetValue(name, out IPAddress? address)
        ? Task.FromResult<IReadOnlyList<IPAddress>>([address])
        : Task.FromException<IReadOnlyList<IPAddress>>(new SocketException((int)SocketError.HostNotFound));
}
