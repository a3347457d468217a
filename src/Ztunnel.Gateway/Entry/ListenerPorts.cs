using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using Ztunnel.IO;
using Ztunnel.Mesh;
using HttpListener = Ztunnel.Mesh.HttpListener;
using TcpListener = Ztunnel.IO.TcpListener;

namespace Ztunnel.Gateway;

/// <summary>
/// The ports a gateway listens on: those at which what is sent to its listeners arrives, and 15008 for a waypoint. Ports come and go one by one, so that a
/// change of one disturbs no other.
/// </summary>
internal sealed partial class ListenerPorts(
    GatewayOptions options,
    EventLoopGroup loops,
    GatewayPod pod,
    ListenerTls certificates,
    ConnectionIntake intake,
    WaypointEntry waypoint,
    StreamRelays relays,
    ClientCount clients,
    ILogger logger)
    : IDisposable
{
    private readonly Dictionary<ushort, List<TcpListener>> _open = [];

    /// <summary>Opens and closes ports so that they are those of the pod now. False when one could not be opened. Not to be called twice at a time.</summary>
    public bool Update(bool isWaypoint)
    {
        HashSet<ushort> wanted = [.. pod.Ports.PodPorts];
        if (isWaypoint)
            wanted.Add(CaptureContract.HbonePort);
        foreach (ushort gone in _open.Keys.Except(wanted).ToArray())
        {
            Close(gone);
            LogListensNoMore(gone);
        }

        bool all = true;
        foreach (ushort added in wanted.Except(_open.Keys).ToArray())
            all &= TryOpen(added, tunnels: isWaypoint && added == CaptureContract.HbonePort);
        return all;
    }

    /// <summary>Accepts nothing more. What was accepted lives on.</summary>
    public void Dispose()
    {
        foreach (ushort port in _open.Keys.ToArray())
            Close(port);
    }

    private bool TryOpen(ushort port, bool tunnels)
    {
        var opened = new List<TcpListener>();
        try
        {
            IPAddress[] families = Socket.OSSupportsIPv6 ? [IPAddress.Any, IPAddress.IPv6Any] : [IPAddress.Any];
            foreach (IPAddress address in families)
                opened.Add(TcpListener.Listen(options.Namespace, new IPEndPoint(address, port), new TcpListenOptions { Connection = options.Clients, ReusePort = true }));
        }
        catch (ChannelException e)
        {
            foreach (TcpListener listener in opened)
                listener.Dispose();
            LogCannotListen(port, e.Message);
            return false;
        }

        _open.Add(port, opened);
        foreach (TcpListener listener in opened)
            listener.Start(loops.LeastLoaded(), loops.Loops, connection => Run(connection, tunnels ? waypoint.Serve : client => Serve(client, port)));
        LogListens(port);
        return true;
    }

    private void Close(ushort port)
    {
        foreach (TcpListener listener in _open[port])
            listener.Dispose();
        _open.Remove(port);
    }

    /// <summary>Serves one accepted connection; a fault of ours costs this connection and is logged.</summary>
    private async void Run(TcpConnection connection, Func<TcpConnection, ValueTask> serve)
    {
        if (!clients.TryEnter())
        {
            connection.Dispose();
            return;
        }

        try
        {
            await serve(connection);
        }
        catch (ChannelException)
        {
            connection.Dispose();
        }
        catch (Exception e)
        {
            LogFault(connection.RemoteEndPoint, e);
            connection.Dispose();
        }
        finally
        {
            clients.Leave();
        }
    }

    private async ValueTask Serve(TcpConnection connection, ushort podPort)
    {
        if (pod.Ports.AtPod(podPort) is not { } port)
        {
            connection.Dispose();
            return;
        }

        var entry = new Entry.Listener(port.Number, null, port.Wire == WireProtocol.Tls) { Client = connection.RemoteEndPoint };
        switch (port.Wire)
        {
            case WireProtocol.Http:
                await intake.Admit(connection, entry, connection.LocalEndPoint);
                break;
            case WireProtocol.Tls when port.Relays:
                await ServeByServerName(connection, port, entry);
                break;
            case WireProtocol.Tls:
                await ServeHttps(connection, port, entry, connection.LocalEndPoint);
                break;
            default:
                await relays.Relay(connection, (StreamListener)port.All[0], entry);
                break;
        }
    }

    private async ValueTask ServeHttps(Channel connection, HttpPort port, Entry.Listener entry, IPEndPoint local)
    {
        if (certificates.ForPort(port) is not { } context)
        {
            connection.Dispose();
            return;
        }

        TlsConnection tls = await Handshake(connection, context, entry);
        await intake.Admit(tls, entry with { ServerName = tls.ServerName }, local, tls.NegotiatedAlpn);
    }

    /// <summary>Looks whom the client asks for before anybody answers: some of it is for others to answer.</summary>
    private async ValueTask ServeByServerName(TcpConnection connection, HttpPort port, Entry.Listener entry)
    {
        IPEndPoint local = connection.LocalEndPoint;
        string? name = null;
        (Channel channel, bool? isTls) = await FirstBytes.Ask(
            connection, options.HandshakeTimeout, bytes => ClientHello.Read(bytes, out name), ClientHello.MostBytes);
        entry = entry with { ServerName = name };
        switch (isTls == true ? port.ListenerOf(name) : null)
        {
            case HttpListener:
                await ServeHttps(channel, port, entry, local);
                break;
            case StreamListener { Mode: StreamMode.Passthrough } listener:
                await relays.Relay(channel, listener, entry);
                break;
            case StreamListener listener when relays.Leads(listener, entry) && certificates.Find(port.Number, listener, name) is { } context:
                await relays.Relay(await Handshake(channel, context, entry), listener, entry);
                break;
            default:
                LogNoListener(entry.Client, name);
                channel.Dispose();
                break;
        }
    }

    private async ValueTask<TlsConnection> Handshake(Channel connection, TlsContext context, Entry.Listener entry)
    {
        try
        {
            return await TlsConnection.AcceptAsync(connection, context, options.HandshakeTimeout);
        }
        catch (ChannelException e)
        {
            LogHandshakeFailed(entry.Client, entry.Port, e.Message);
            throw;
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "listening on port {Port}")]
    private partial void LogListens(ushort port);

    [LoggerMessage(Level = LogLevel.Warning, Message = "no longer listening on port {Port}: no listener that can be served needs it; see `status` in /config_dump")]
    private partial void LogListensNoMore(ushort port);

    [LoggerMessage(Level = LogLevel.Debug, Message = "the TLS handshake of {Client} at port {Port} failed: {Reason}")]
    private partial void LogHandshakeFailed(IPEndPoint client, ushort port, string reason);

    [LoggerMessage(Level = LogLevel.Debug, Message = "{Client} was reset: no listener that can be served is for the server name {ServerName}")]
    private partial void LogNoListener(IPEndPoint client, string? serverName);

    [LoggerMessage(Level = LogLevel.Error, Message = "cannot listen on port {Port}, and will try again: {Reason}")]
    private partial void LogCannotListen(ushort port, string reason);

    [LoggerMessage(Level = LogLevel.Error, Message = "a connection from {Client} was dropped by a fault of ours")]
    private partial void LogFault(IPEndPoint client, Exception fault);
}
