using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.IO.Pipelines;
using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;
using Ztunnel.IO;

namespace Ztunnel.Gateway;

/// <summary>One client's connection as the HTTP server sees it: a channel of an event loop, and how it came in.</summary>
internal sealed class ChannelConnection
    : ConnectionContext,
        IDuplexPipe,
        IConnectionIdFeature,
        IConnectionItemsFeature,
        IConnectionTransportFeature,
        IConnectionLifetimeFeature,
        IConnectionEndPointFeature
{
    private static long _connections;

    private readonly Channel _channel;
    private readonly ChannelPipeReader _input;
    private readonly ChannelPipeWriter _output;
    private readonly CancellationTokenSource _closed = new();
    private readonly TaskCompletionSource _disposed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private IDictionary<object, object?>? _items;
    private volatile bool _ended;

    public ChannelConnection(Channel channel, Entry entry, IPEndPoint local, bool http2)
    {
        _channel = channel;
        Entry = entry;
        _input = new ChannelPipeReader(channel, FireClosed);
        _output = new ChannelPipeWriter(channel);
        channel.Broken = _ => FireClosed();
        ConnectionId = Interlocked.Increment(ref _connections).ToString("x", CultureInfo.InvariantCulture);
        ConnectionClosed = _closed.Token;
        LocalEndPoint = local;
        RemoteEndPoint = entry.Client;
        Transport = this;
        Features = new FeatureCollection();
        Features.Set<IConnectionIdFeature>(this);
        Features.Set<IConnectionItemsFeature>(this);
        Features.Set<IConnectionTransportFeature>(this);
        Features.Set<IConnectionLifetimeFeature>(this);
        Features.Set<IConnectionEndPointFeature>(this);
        Features.Set(this);
        if (entry is Entry.Listener { Tls: true })
            TlsFeatures.AddTo(Features, http2);
    }

    /// <summary>How it came in.</summary>
    public Entry Entry { get; }

    /// <summary>The loop it lives on.</summary>
    public EventLoop Loop => _channel.Loop;

    /// <summary>Completes when the server has let go of the connection.</summary>
    public Task Disposed => _disposed.Task;

    /// <summary>Whether it has ended or is broken, which <see cref="ConnectionClosed"/> tells a moment later.</summary>
    public bool HasEnded => _ended;

    /// <inheritdoc/>
    public override string ConnectionId { get; set; }

    /// <inheritdoc/>
    public override IFeatureCollection Features { get; }

    /// <inheritdoc/>
    [AllowNull]
    public override IDictionary<object, object?> Items
    {
        get => _items ??= new ConnectionItems();
        set => _items = value;
    }

    /// <inheritdoc/>
    public override IDuplexPipe Transport { get; set; }

    /// <inheritdoc/>
    public override CancellationToken ConnectionClosed { get; set; }

    /// <inheritdoc/>
    public override EndPoint? LocalEndPoint { get; set; }

    /// <inheritdoc/>
    public override EndPoint? RemoteEndPoint { get; set; }

    PipeReader IDuplexPipe.Input => _input;

    PipeWriter IDuplexPipe.Output => _output;

    /// <inheritdoc/>
    public override void Abort(ConnectionAbortedException? abortReason)
    {
        FireClosed();
        // Without a reason the client has ended, and there is nothing to tell it.
        if (abortReason is null)
        {
            _input.Close();
            return;
        }

        var failure = new ChannelFailure(FailureKind.Closed, abortReason.Message);
        if (_channel.Loop.IsCurrent)
            _channel.Abort(failure);
        else
            _channel.Loop.Post(_ => _channel.Abort(failure), null);
    }

    /// <inheritdoc/>
    public override void Abort() => Abort(new ConnectionAbortedException("the server broke the connection off"));

    /// <inheritdoc/>
    public override ValueTask DisposeAsync()
    {
        _input.Complete();
        _output.Complete();
        _input.Close();
        _disposed.TrySetResult();
        return base.DisposeAsync();
    }

    /// <summary>Tells whoever works for this client that it is gone. Runs no foreign code on the loop.</summary>
    private void FireClosed()
    {
        _ended = true;
        if (!_closed.IsCancellationRequested)
            ThreadPool.UnsafeQueueUserWorkItem(static connection => connection._closed.Cancel(), this, preferLocal: false);
    }
}
