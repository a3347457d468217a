using System.Text.Json.Serialization;
using Ztunnel.Proxy;

namespace Ztunnel;

/// <summary>What two agents of one node say to each other when the newer takes over; the sockets come with it.</summary>
internal sealed record UpgradeMessage
{
    /// <summary>
    /// The version of this conversation that we speak. The old agent says nothing that the new one's version does not have, and
    /// a new one understands whatever an older version says: so any two can follow each other, both ways.
    /// </summary>
    public const int CurrentVersion = 2;

    /// <summary>The version since which connections are passed on.</summary>
    public const int ConnectionsVersion = 2;

    /// <summary>What it says.</summary>
    public required UpgradeStep Step { get; init; }

    /// <summary>With <see cref="UpgradeStep.Take"/>: what the new agent speaks.</summary>
    public int Version { get; init; }

    /// <summary>With <see cref="UpgradeStep.Take"/>: whose node it is.</summary>
    public string? Node { get; init; }

    /// <summary>With <see cref="UpgradeStep.PodListeners"/>: the namespace they are in, by inode.</summary>
    public ulong NetworkNamespace { get; init; }

    /// <summary>With <see cref="UpgradeStep.Connections"/>: the connections whose descriptors come along.</summary>
    public IReadOnlyList<PassedConnection>? Connections { get; init; }

    /// <summary>With <see cref="UpgradeStep.Taken"/>: of each of those connections whether the new agent goes on with it.</summary>
    public IReadOnlyList<bool>? Taken { get; init; }

    /// <summary>What each of the sockets that come along listens on; null for none.</summary>
    public IReadOnlyList<string>? Addresses { get; init; }
}

/// <summary>The steps, in order.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<UpgradeStep>))]
internal enum UpgradeStep
{
    /// <summary>The new agent wants to take over.</summary>
    Take,

    /// <summary>The old one passes listening sockets of a pod.</summary>
    PodListeners,

    /// <summary>The old one passes the diagnostics' listening sockets.</summary>
    DiagnosticsListeners,

    /// <summary>That was all. From now on the old one changes nothing, and both may accept.</summary>
    AllSent,

    /// <summary>The new one accepts in every pod. From now on the old one does not.</summary>
    Ready,

    /// <summary>The old one accepts nothing more and lets end what it has; before version 2 that was all.</summary>
    Yielded,

    /// <summary>The old one passes open connections, which rest until it is answered.</summary>
    Connections,

    /// <summary>The new one answers. Those that it has taken are its own from now on.</summary>
    Taken,

    /// <summary>The old one passes no more connections.</summary>
    AllPassed,
}

/// <summary>How messages are written.</summary>
[JsonSerializable(typeof(UpgradeMessage))]
internal sealed partial class UpgradeJson : JsonSerializerContext;
