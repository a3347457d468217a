using System.Collections.Immutable;
using System.Net;

namespace Ztunnel.Testing;

/// <summary>A user the API server knows, and what proves it: a bearer token.</summary>
/// <param name="Name">The user's name.</param>
/// <param name="Token">The token; null for a user who comes with a client certificate.</param>
public sealed record ApiUser(string Name, string? Token = null)
{
    /// <summary>The administrator: may do everything.</summary>
    public static readonly ApiUser Admin = new("kubernetes-admin", "admin-token") { Groups = ["system:masters"] };

    /// <summary>Who has proved nothing.</summary>
    public static readonly ApiUser Anonymous = new("system:anonymous") { Groups = ["system:unauthenticated"] };

    /// <summary>The groups the user is in.</summary>
    public ImmutableArray<string> Groups { get; init; } = [];

    /// <summary>Whether the user is in a group.</summary>
    public bool IsIn(string group) => Groups.Contains(group, StringComparer.Ordinal);

    /// <inheritdoc/>
    public override string ToString() => Name;
}

/// <summary>Which CustomResourceDefinitions are installed.</summary>
[Flags]
public enum InstalledCrds
{
    /// <summary>None: a cluster as it comes.</summary>
    None = 0,

    /// <summary>Those of the Gateway API.</summary>
    GatewayApi = 1,

    /// <summary>Those of Istio: security, networking, telemetry, extensions.</summary>
    Istio = 2,

    /// <summary>Both.</summary>
    All = GatewayApi | Istio,
}

/// <summary>How an <see cref="ApiServer"/> is set up.</summary>
public sealed record ApiServerOptions
{
    /// <summary>The clock: creation times, ages, watch time-outs and bookmarks.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>The CustomResourceDefinitions that are there from the start; more come with <see cref="ApiServer.Install"/>.</summary>
    public InstalledCrds Crds { get; init; } = InstalledCrds.All;

    /// <summary>The bundle version the CustomResourceDefinitions of the Gateway API say they are of.</summary>
    public string GatewayApiVersion { get; init; } = "v1.2.1";

    /// <summary>Users besides <see cref="ApiUser.Admin"/>.</summary>
    public ImmutableArray<ApiUser> Users { get; init; } = [];

    /// <summary>Whether it is reached by https, with a certificate of an authority of its own; client certificates prove who asks.</summary>
    public bool Tls { get; init; }

    /// <summary>Where addresses of Services are taken from, the first family first.</summary>
    public ImmutableArray<IPNetwork> ServiceRanges { get; init; } = [IPNetwork.Parse("10.96.0.0/12"), IPNetwork.Parse("fd00:10:96::/108")];

    /// <summary>Whether users may do only what roles and bindings say; otherwise everybody may do everything.</summary>
    public bool Rbac { get; init; }

    /// <summary>How many changes of each kind of object are remembered for watches, at least.</summary>
    public int HistoryLength { get; init; } = 20_000;

    /// <summary>How long a watch lasts when the client does not say.</summary>
    public TimeSpan WatchTimeout { get; init; } = TimeSpan.FromMinutes(40);

    /// <summary>How often a watch that asked for bookmarks gets one.</summary>
    public TimeSpan BookmarkInterval { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>Whether watches may ask for the objects there are (<c>sendInitialEvents</c>).</summary>
    public bool StreamingLists { get; init; } = true;

    /// <summary>The version the server says it has.</summary>
    public string Version { get; init; } = "v1.32.4";
}
