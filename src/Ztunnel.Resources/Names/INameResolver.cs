using System.Net;

namespace Ztunnel.Resources;

/// <summary>Finds the addresses of a name.</summary>
public interface INameResolver
{
    /// <summary>The addresses of <paramref name="name"/> of both families. Throws what keeps it from finding any.</summary>
    Task<IReadOnlyList<IPAddress>> Resolve(string name, CancellationToken cancellationToken);
}
