using Microsoft.Win32.SafeHandles;
using Ztunnel.IO;

namespace Ztunnel.Proxy;

/// <summary>What another process must know of an open connection to go on with it, beside the <see cref="PassedRelay"/>'s descriptors.</summary>
public sealed record PassedConnection
{
    /// <summary>Most descriptors that come with one.</summary>
    public const int MaxDescriptors = 6;

    /// <summary>The connection as one of the pod whose listener accepted it.</summary>
    public required PassedHalf Half { get; init; }

    /// <summary>The same as one of the pod of this node that it leads to without a tunnel, if it does.</summary>
    public PassedHalf? OtherHalf { get; init; }

    /// <summary>The endpoint of <see cref="PassedHalf.DestinationService"/> that it counts on, as <c>ip:port</c>.</summary>
    public string? Endpoint { get; init; }

    /// <summary>Time since it was accepted.</summary>
    public required TimeSpan Age { get; init; }

    /// <summary>Bytes that the server took so far.</summary>
    public required long BytesToServer { get; init; }

    /// <summary>Bytes that the client took so far.</summary>
    public required long BytesToClient { get; init; }

    /// <summary>Bytes that come along in a pipe because the server has not taken them; 0 for no pipe.</summary>
    public int InFlightToServer { get; init; }

    /// <summary>Bytes that come along in a pipe because the client has not taken them; 0 for no pipe.</summary>
    public int InFlightToClient { get; init; }

    /// <summary>How many descriptors come along.</summary>
    internal int DescriptorCount => 2 + (InFlightToServer > 0 ? 2 : 0) + (InFlightToClient > 0 ? 2 : 0);

    /// <summary>
    /// Joins connections with the descriptors that came along with them, which go to the relays. Throws <see cref="IOException"/>
    /// when they are not as many as they should be; they stay the caller's then.
    /// </summary>
    public static IReadOnlyList<PassedRelay> Join(IReadOnlyList<PassedConnection> connections, IReadOnlyList<SafeFileHandle> descriptors)
    {
        ArgumentNullException.ThrowIfNull(connections);
        ArgumentNullException.ThrowIfNull(descriptors);
        int named = connections.Sum(connection => connection.DescriptorCount);
        if (named != descriptors.Count)
            throw new IOException($"connections with {named} descriptors came with {descriptors.Count}");
        using IEnumerator<SafeFileHandle> next = descriptors.GetEnumerator();
        return [.. connections.Select(connection => new PassedRelay
        {
            BytesToServer = connection.BytesToServer,
            BytesToClient = connection.BytesToClient,
            Client = Next(),
            Server = Next(),
            ToServer = Pipe(connection.InFlightToServer),
            ToClient = Pipe(connection.InFlightToClient),
        })];

        SafeFileHandle Next()
        {
            next.MoveNext();
            return next.Current;
        }

        PassedPipe? Pipe(int bytes) => bytes > 0 ? new PassedPipe(Next(), Next(), bytes) : null;
    }
}
