using Ztunnel.IO;

namespace Ztunnel.Gateway;

/// <summary>A channel whose first bytes were taken to look at them: they are lent again before the rest. Loop thread only.</summary>
internal sealed class StartedChannel : Channel
{
    private readonly Channel _rest;
    private readonly byte[] _start;
    private int _read;
    private bool _lent;

    /// <summary>Puts <paramref name="start"/> in front of what <paramref name="rest"/> still brings.</summary>
    public StartedChannel(byte[] start, Channel rest)
        : base(rest.Loop)
    {
        _start = start;
        _rest = rest;
        rest.Broken = _ => TellBroken();
    }

    /// <inheritdoc/>
    public override ChannelFailure? Failure => _rest.Failure;

    /// <inheritdoc/>
    public override int Held => _start.Length - _read + _rest.Held;

    /// <inheritdoc/>
    public override ReadStatus TryRead(out Chunk chunk)
    {
        _lent = _read < _start.Length && Failure is null;
        if (!_lent)
            return _rest.TryRead(out chunk);
        chunk = new Chunk(_start, _read);
        return ReadStatus.Data;
    }

    /// <inheritdoc/>
    public override void Consume(int count)
    {
        if (_lent)
            _read += count;
        else
            _rest.Consume(count);
    }

    /// <inheritdoc/>
    public override ValueTask WaitForReadAsync(CancellationToken cancellationToken = default) =>
        _read < _start.Length ? ValueTask.CompletedTask : _rest.WaitForReadAsync(cancellationToken);

    /// <inheritdoc/>
    public override int TryWrite(Chunk chunk) => _rest.TryWrite(chunk);

    /// <inheritdoc/>
    public override ValueTask WaitForWriteAsync(CancellationToken cancellationToken = default) => _rest.WaitForWriteAsync(cancellationToken);

    /// <inheritdoc/>
    public override void ShutdownWrite() => _rest.ShutdownWrite();

    /// <inheritdoc/>
    public override void Abort(ChannelFailure failure) => _rest.Abort(failure);

    /// <inheritdoc/>
    public override void Dispose() => _rest.Dispose();
}
