using System.Collections.Frozen;
using System.Net;
using Ztunnel.IO;

namespace Ztunnel.Capture;

/// <summary>The node's own addresses, for whoever has to know on a data path whether a peer is the node itself. Kept fresh in the background.</summary>
public sealed class NodeAddresses : IDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    private readonly NetworkNamespace _node;
    private readonly ITimer _timer;
    private volatile FrozenSet<IPAddress> _addresses;

    /// <summary>Reads them, now and then again.</summary>
    /// <param name="node">The node's namespace, which stays the caller's.</param>
    /// <param name="time">The clock.</param>
    public NodeAddresses(NetworkNamespace node, TimeProvider? time = null)
    {
        ArgumentNullException.ThrowIfNull(node);
        _node = node;
        _addresses = Read();
        _timer = (time ?? TimeProvider.System).CreateTimer(static state => ((NodeAddresses)state!).Refresh(), this, Interval, Interval);
    }

    /// <summary>Whether an address is one of the node's that others can reach; loopback is not. Never blocks.</summary>
    public bool Contains(IPAddress address) => _addresses.Contains(address);

    /// <inheritdoc/>
    public void Dispose() => _timer.Dispose();

    private FrozenSet<IPAddress> Read() =>
        _node.Addresses().Where(address => !IPAddress.IsLoopback(address) && !address.IsIPv6LinkLocal).ToFrozenSet();

    private void Refresh()
    {
        try
        {
            _addresses = Read();
        }
        catch (Exception failure) when (failure is IOException or NetworkNamespaceException or ObjectDisposedException)
        {
            // What was read last is still the best there is.
        }
    }
}
