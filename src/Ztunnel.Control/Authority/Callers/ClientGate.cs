using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Ztunnel.Identity;

namespace Ztunnel.Control;

/// <summary>
/// Holds each client to its part of the authority's port before anything is known of it but its address, so that no one of them
/// keeps the others from it.
/// </summary>
internal sealed partial class ClientGate(NodePods pods, ClientLimits limits, TimeProvider time, ILogger logger)
{
    private static readonly TimeSpan Quiet = TimeSpan.FromMinutes(1);

    private readonly SharedPlaces _unproven = new(limits.Connections);
    private readonly SharedPlaces _proven = new(limits.ProvenConnections);
    private readonly SharedPlaces _calls = new(limits.Calls);
    private readonly CallerRates _connecting = new(time);
    private readonly Lock _gate = new();
    private long? _toldAt;

    /// <summary>
    /// Who shares limits: an address by itself, but of IPv6 a /64, all of which may be one machine's to use. The address of a pod that is
    /// known to run is nobody else's: pods of one node, and nodes of one network, have a /64 in common.
    /// </summary>
    public string NameOf(IPAddress? address)
    {
        if (address is null)
            return "unknown";
        if (address.IsIPv4MappedToIPv6)
            address = address.MapToIPv4();
        if (address.AddressFamily != AddressFamily.InterNetworkV6)
            return address.ToString();
        byte[] bytes = address.GetAddressBytes();
        // Without its scope.
        address = new IPAddress(bytes);
        if (pods.Has(address))
            return address.ToString();
        bytes.AsSpan(8).Clear();
        return new IPNetwork(new IPAddress(bytes), 64).ToString();
    }

    /// <summary>Has a connection served, or ended at once where its client has enough.</summary>
    public async Task Connect(ConnectionContext connection, ConnectionDelegate serve)
    {
        string client = NameOf((connection.RemoteEndPoint as IPEndPoint)?.Address);
        if (!_unproven.TryTake(client))
        {
            Refuse(connection, $"{client} has {limits.Connections} connections open with no good token, which is its limit");
            return;
        }

        using var open = new ClientConnection(connection, client, _unproven, _proven, limits.FirstCall, time);
        if (!_connecting.TryTake(client, limits.Connecting))
        {
            Refuse(connection, $"{client} connects too often");
            return;
        }

        connection.Features.Set(open);
        await serve(connection);
    }

    /// <summary>
    /// A call begins; it ends when the result is disposed of. Throws <see cref="GrpcException"/> where its client has enough under way. On a
    /// connection of a known caller it takes no place: that has so many at once, and what it asks for a rate.
    /// </summary>
    public IDisposable? Enter(HttpContext http)
    {
        if (http.Features.Get<ClientConnection>() is { IsProven: true })
            return null;
        string client = NameOf(http.Connection.RemoteIpAddress);
        if (_calls.TryTake(client))
            return new Call(_calls, client);
        string why = $"{client} has {limits.Calls} calls under way, which is its limit: try again";
        Tell(why);
        throw new GrpcException(GrpcStatus.ResourceExhausted, why);
    }

    /// <summary>How many connections a client has on which no call has had a good token.</summary>
    internal int Unproven(string client) => _unproven.Of(client);

    /// <summary>A call has had a caller's good token: from now on its connection takes nothing from others behind its address.</summary>
    public static void Prove(HttpContext http, Caller caller) => http.Features.Get<ClientConnection>()?.Prove(caller.RateKey);

    /// <summary>Has the log say why a client was refused, of many such only one now and then.</summary>
    public void Tell(string why)
    {
        lock (_gate)
        {
            if (_toldAt is { } told && time.GetElapsedTime(told) < Quiet)
                return;
            _toldAt = time.GetTimestamp();
        }

        LogRefused(why, Quiet);
    }

    private void Refuse(ConnectionContext connection, string why)
    {
        Tell(why);
        connection.Abort(new ConnectionAbortedException(why));
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "a client of the authority is refused: {Why} (further ones are not told of for {Quiet})")]
    private partial void LogRefused(string why, TimeSpan quiet);

    private sealed class Call(SharedPlaces calls, string client) : IDisposable
    {
        public void Dispose() => calls.Leave(client);
    }
}
