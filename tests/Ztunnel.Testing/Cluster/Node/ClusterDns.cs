using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;
using Ztunnel.Lab;

namespace Ztunnel.Testing.Cluster;

/// <summary>Stands in for CoreDNS: the names of Services, and those a test adds for hosts outside. Over UDP, A and AAAA.</summary>
public sealed class ClusterDns : IAsyncDisposable
{
    private const ushort TypeA = 1, TypeAaaa = 28;
    private const string Zone = ".svc.cluster.local";
    private readonly ClusterCache _cache;
    private readonly Socket _socket;
    private readonly Task _serving;

    public ClusterDns(ClusterCache cache, LabHost host)
    {
        _cache = cache;
        Address = host.IPv4;
        _socket = host.NetworkNamespace.Run(() =>
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
            socket.Bind(new IPEndPoint(host.IPv4, 53));
            return socket;
        });
        _serving = Task.Run(Serve);
    }

    /// <summary>What pods have in their resolv.conf.</summary>
    public IPAddress Address { get; }

    /// <summary>Names of hosts outside the cluster.</summary>
    public ConcurrentDictionary<string, IPAddress> Hosts { get; } = new(StringComparer.OrdinalIgnoreCase);

    public async ValueTask DisposeAsync()
    {
        _socket.Dispose();
        await _serving;
    }

    private async Task Serve()
    {
        byte[] buffer = new byte[4096];
        while (true)
        {
            try
            {
                SocketReceiveFromResult received = await _socket.ReceiveFromAsync(buffer, new IPEndPoint(IPAddress.Any, 0));
                if (Answer(buffer.AsSpan(0, received.ReceivedBytes)) is { } answer)
                    await _socket.SendToAsync(answer, received.RemoteEndPoint);
            }
            catch (Exception exception) when (exception is ObjectDisposedException or SocketException { SocketErrorCode: SocketError.OperationAborted })
            {
                return;
            }
            catch (SocketException)
            {
                // The asker is gone; others are not.
            }
        }
    }

    /// <summary>The answer to a query with one question (RFC 1035 section 4), or null to what is none.</summary>
    private byte[]? Answer(ReadOnlySpan<byte> query)
    {
        if (query.Length < 17 || BinaryPrimitives.ReadUInt16BigEndian(query[4..]) != 1)
            return null;
        var name = new StringBuilder();
        int at = 12;
        for (; query[at] != 0; at += query[at] + 1)
            name.Append(name.Length > 0 ? "." : "").Append(Encoding.ASCII.GetString(query.Slice(at + 1, query[at])));
        int end = at + 5;
        ushort type = BinaryPrimitives.ReadUInt16BigEndian(query[(at + 1)..]);
        IPAddress[]? known = Find(name.ToString());
        IPAddress[] found = [.. (known ?? []).Where(address => address.AddressFamily switch
        {
            AddressFamily.InterNetwork => type == TypeA,
            _ => type == TypeAaaa,
        })];
        var answer = new MemoryStream();
        answer.Write(query[..end]);
        foreach (IPAddress address in found)
        {
            byte[] bytes = address.GetAddressBytes();
            // The name by reference to the question, class IN, five seconds.
            answer.Write([0xc0, 12, 0, (byte)type, 0, 1, 0, 0, 0, 5, 0, (byte)bytes.Length]);
            answer.Write(bytes);
        }

        byte[] message = answer.ToArray();
        message[2] = 0x85;
        message[3] = (byte)(known is null ? 0x83 : 0x80);
        BinaryPrimitives.WriteUInt16BigEndian(message.AsSpan(6), (ushort)found.Length);
        message.AsSpan(8, 4).Clear();
        return message;
    }

    /// <summary>The addresses of a name; null where there is no such name.</summary>
    private IPAddress[]? Find(string name)
    {
        if (Hosts.TryGetValue(name, out IPAddress? host))
            return [host];
        if (!name.EndsWith(Zone, StringComparison.OrdinalIgnoreCase) || name[..^Zone.Length].Split('.') is not [string service, string @namespace])
            return null;
        ClusterObject? found = _cache.Find(ClusterKind.Services, @namespace, service);
        return (found?.Spec?["clusterIPs"] as JsonArray)?.Select(ClusterObject.Text).Where(address => address != "None").Select(IPAddress.Parse).ToArray();
    }
}
