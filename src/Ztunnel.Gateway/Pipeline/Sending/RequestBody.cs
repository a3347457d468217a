namespace Ztunnel.Gateway;

/// <summary>
/// A request's body on its way to backends. What is read of it is kept, up to a bound, so that it can be sent again, and handed to
/// those who get a copy. One reads at a time.
/// </summary>
internal sealed class RequestBody(Stream source, long? length, int most) : AsyncStream
{
    private readonly List<BodyCopy> _copies = [];
    private byte[] _kept = [];
    private int _keptLength;
    private int _position;
    private bool _begun;
    private bool _ended;
    private bool _lost = length > most;

    /// <summary>Whether it can be sent from its beginning: nothing has been read, or all of it is kept.</summary>
    public bool CanSendAgain => !_begun || (_ended && !_lost);

    /// <summary>Another who gets all of it. To be called before anything is read.</summary>
    public void CopyTo(BodyCopy copy) => _copies.Add(copy);

    /// <summary>Is read from its beginning again.</summary>
    public void Rewind() => _position = 0;

    /// <summary>Nobody reads on: copies that do not have all of it never will.</summary>
    public void Leave()
    {
        foreach (BodyCopy copy in _copies)
            copy.End(complete: _ended);
    }

    /// <inheritdoc/>
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (_position < _keptLength)
        {
            int again = Math.Min(buffer.Length, _keptLength - _position);
            _kept.AsSpan(_position, again).CopyTo(buffer.Span);
            _position += again;
            return again;
        }

        if (_ended)
            return 0;
        _begun = true;
        int count = await source.ReadAsync(buffer, cancellationToken);
        if (count > 0)
            Take(buffer.Span[..count]);
        else if (!buffer.IsEmpty)
            End();
        return count;
    }

    private void End()
    {
        _ended = true;
        foreach (BodyCopy copy in _copies)
            copy.End(complete: true);
    }

    private void Take(ReadOnlySpan<byte> bytes)
    {
        foreach (BodyCopy copy in _copies)
            copy.Write(bytes);
        if (_lost || _keptLength + bytes.Length > most)
        {
            _lost = true;
            _kept = [];
            _position = _keptLength = 0;
            return;
        }

        if (_keptLength + bytes.Length > _kept.Length)
        {
            int room = (int)Math.Min(most, Math.Max(length ?? 0, Math.Max(_kept.Length * 2, _keptLength + bytes.Length)));
            Array.Resize(ref _kept, room);
        }

        bytes.CopyTo(_kept.AsSpan(_keptLength));
        _position = _keptLength += bytes.Length;
    }
}
