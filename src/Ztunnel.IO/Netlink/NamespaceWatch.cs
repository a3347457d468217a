using System.Buffers.Binary;
using Ztunnel.IO.Native;

namespace Ztunnel.IO;

/// <summary>
/// Tells when someone changes the firewall rules (nftables), the policy rules or the routes of a network namespace. The kernel
/// tells us, so a thousand namespaces in which nothing happens cost nothing but two sockets each.
/// </summary>
public sealed class NamespaceWatch : IDisposable
{
    /// <summary>Bit of NFNLGRP_NFTABLES.</summary>
    private const uint RulesetGroup = 1 << 6;

    /// <summary>Bits of RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV4_RULE, RTNLGRP_IPV6_ROUTE and RTNLGRP_IPV6_RULE.</summary>
    private const uint RoutingGroups = (1 << 6) | (1 << 7) | (1 << 10) | (1 << 18);

    private readonly EventLoop _loop;
    private readonly Subscription[] _subscriptions;

    private NamespaceWatch(EventLoop loop, Subscription[] subscriptions)
    {
        _loop = loop;
        _subscriptions = subscriptions;
    }

    /// <summary>
    /// Calls <paramref name="changed"/> on <paramref name="loop"/> after every change from now on, ours included; changes in
    /// quick succession may be one call. The watch ends with the loop. Safe from any thread. Throws
    /// <see cref="NetworkNamespaceException"/>.
    /// </summary>
    public static NamespaceWatch Start(EventLoop loop, NetworkNamespace ns, Action changed)
    {
        ArgumentNullException.ThrowIfNull(loop);
        ArgumentNullException.ThrowIfNull(ns);
        ArgumentNullException.ThrowIfNull(changed);
        var rules = new Subscription(NetlinkSocket.Open(ns, NetlinkSocket.Netfilter, RulesetGroup), changed);
        try
        {
            var routing = new Subscription(NetlinkSocket.Open(ns, NetlinkSocket.Route, RoutingGroups), changed);
            var watch = new NamespaceWatch(loop, [rules, routing]);
            if (!loop.TryPost(static state => ((NamespaceWatch)state!).Register(), watch))
                watch.Close();
            return watch;
        }
        catch
        {
            rules.Close();
            throw;
        }
    }

    /// <summary>
    /// The number of the namespace's ruleset: one more after each committed nftables transaction (<c>nft -f</c> is one),
    /// whoever made it. Throws <see cref="NetworkNamespaceException"/>, also when the kernel has no nftables.
    /// </summary>
    public static uint RulesetGeneration(NetworkNamespace ns)
    {
        const ushort GetGeneration = (10 << 8) | 16;
        const ushort GenerationId = 1;
        const int FixedPart = 4;
        using NetlinkSocket socket = NetlinkSocket.Open(ns, NetlinkSocket.Netfilter);
        var message = new NetlinkMessage(stackalloc byte[64], GetGeneration, NetlinkSocket.Request, stackalloc byte[FixedPart]);
        Span<byte> reply = stackalloc byte[512];
        int length = socket.Ask(message.Bytes, reply);
        if (length <= 0)
            throw NetlinkSocket.Failed($"ask for the ruleset's generation in {ns}", -length);
        ReadOnlySpan<byte> id = NetlinkMessage.Find(reply[(NetlinkMessage.HeaderSize + FixedPart)..length], GenerationId);
        return BinaryPrimitives.ReadUInt32BigEndian(id);
    }

    /// <summary>Stops watching; a call that is under way may still come.</summary>
    public void Dispose()
    {
        if (!_loop.TryPost(static state => ((NamespaceWatch)state!).Close(), this))
            Close();
    }

    private void Register()
    {
        foreach (Subscription subscription in _subscriptions)
            subscription.Register(_loop);
    }

    private void Close()
    {
        foreach (Subscription subscription in _subscriptions)
            subscription.Close();
    }

    private sealed class Subscription(NetlinkSocket socket, Action changed) : IEpollHandler
    {
        private static readonly TimeSpan RetryInterval = TimeSpan.FromSeconds(1);

        private EventLoop? _loop;
        private LoopTimer? _retry;
        private int _slot = -1;

        public void Register(EventLoop loop)
        {
            _loop = loop;
            int slot = loop.Epoll.Add(socket.Descriptor, Constants.EpollIn, this);
            if (slot >= 0)
            {
                _slot = slot;
                return;
            }

            // What came meanwhile is kept by the socket and told as soon as it is registered.
            if (_retry is null && loop.Logger is { } logger)
                LoopLog.WatchPaused(logger, Errno.Text(-slot), RetryInterval);
            _retry = loop.Schedule(RetryInterval, static state => ((Subscription)state!).Retry(), this);
        }

        public void Close()
        {
            _retry?.Dispose();
            if (_slot >= 0)
                _loop!.Epoll.Release(_slot);
            _slot = -1;
            socket.Dispose();
        }

        public void OnEvents(uint events)
        {
            if (socket.Drain())
                changed();
        }

        public void OnLoopStopping() => Close();

        private void Retry() => Register(_loop!);
    }
}
