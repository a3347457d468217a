using Ztunnel.IO;

namespace Ztunnel.Hbone.Pool;

/// <summary>What a pool holds for one key, at one moment.</summary>
/// <param name="Key">The key.</param>
/// <param name="Connections">Its connections.</param>
/// <param name="Waiting">Opens that wait for a connection.</param>
/// <param name="IsConnecting">True while a connection is being made.</param>
/// <param name="LastFailure">Why the last connect failed; null if it did not.</param>
/// <param name="RetryIn">How long opens still fail at once because of that.</param>
public sealed record HbonePeer<TKey>(
    TKey Key, IReadOnlyList<HbonePeerConnection> Connections, int Waiting, bool IsConnecting, ChannelFailure? LastFailure, TimeSpan RetryIn);

/// <summary>One connection of a pool, at one moment.</summary>
/// <param name="OpenStreams">Tunnels on it.</param>
/// <param name="StreamLimit">Tunnels the peer allows on it.</param>
/// <param name="IsDraining">True if it takes no further tunnels.</param>
/// <param name="RoundTripTime">The last measured, or null.</param>
/// <param name="Unused">How long it has been without a tunnel; zero while it has one.</param>
public sealed record HbonePeerConnection(int OpenStreams, int StreamLimit, bool IsDraining, TimeSpan? RoundTripTime, TimeSpan Unused);
