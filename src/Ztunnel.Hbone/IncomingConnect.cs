using System.Diagnostics.CodeAnalysis;
using Ztunnel.IO;

namespace Ztunnel.Hbone;

/// <summary>A CONNECT a server was sent and has to answer, once, with <see cref="Accept"/> or <see cref="Refuse"/>. Loop thread only.</summary>
[SuppressMessage("Design", "CA1001", Justification = "Without a timer the source has nothing to release, and its token outlives the answer.")]
public sealed class IncomingConnect : IOpening
{
    private readonly HboneStream _stream;
    private CancellationTokenSource? _abandoned;

    internal IncomingConnect(HboneStream stream, string authority, IReadOnlyList<TunnelHeader> headers)
    {
        _stream = stream;
        Authority = authority;
        Headers = headers;
    }

    /// <summary>The connection it came on; <see cref="HboneConnection.Transport"/> knows the peer.</summary>
    public HboneConnection Connection => _stream.Connection;

    /// <summary>Where the client wants to go, as sent: not checked for being an address.</summary>
    public string Authority { get; }

    /// <summary>The request's other fields, in the order sent.</summary>
    public IReadOnlyList<TunnelHeader> Headers { get; }

    /// <summary>The stream's number on its connection.</summary>
    public int StreamId => _stream.Id;

    /// <summary>True once accepted or refused.</summary>
    public bool IsAnswered { get; private set; }

    /// <summary>Why nobody waits for the answer any more, or null: the client reset the stream, or the connection is gone.</summary>
    public ChannelFailure? Failure => IsAnswered ? null : _stream.Failure;

    /// <summary>Cancelled when the client gives up before the answer: to be passed to the connect made on its behalf.</summary>
    public CancellationToken Abandoned
    {
        get
        {
            if (_abandoned is null)
            {
                _abandoned = new CancellationTokenSource();
                if (_stream.Failure is not null)
                    _abandoned.Cancel();
            }

            return _abandoned.Token;
        }
    }

    /// <summary>The value of the first field of that name (lower case), or null.</summary>
    public string? Header(string name)
    {
        foreach (TunnelHeader header in Headers)
        {
            if (string.Equals(header.Name, name, StringComparison.Ordinal))
                return header.Value;
        }

        return null;
    }

    /// <summary>
    /// Answers 200 and hands over the tunnel, which is the caller's to dispose. If the client is gone the tunnel is broken
    /// already. Throws <see cref="InvalidOperationException"/> when it was answered before.
    /// </summary>
    public HboneStream Accept(IReadOnlyList<TunnelHeader>? headers = null)
    {
        BeginAnswer();
        Connection.Requests!.Accept(_stream, headers ?? []);
        return _stream;
    }

    /// <summary>
    /// Answers with another status and ends the stream: 400 malformed, 401 unknown peer, 403 denied by policy, 503 nothing
    /// to connect to. Throws <see cref="InvalidOperationException"/> when it was answered before.
    /// </summary>
    /// <param name="status">The HTTP status, 300 to 599.</param>
    public void Refuse(int status)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(status, 300);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(status, 599);
        BeginAnswer();
        Connection.Requests!.Refuse(_stream, status);
        _stream.Dispose();
    }

    /// <summary>Breaks an accepted tunnel off; one not answered is left to be refused.</summary>
    internal void Break(ChannelFailure failure)
    {
        if (IsAnswered)
            _stream.Abort(failure);
    }

    void IOpening.Broken(ChannelFailure failure, bool processed) => _abandoned?.Cancel();

    private void BeginAnswer()
    {
        if (IsAnswered)
            throw new InvalidOperationException("The CONNECT was answered already.");
        IsAnswered = true;
        _stream.Opening = null;
    }
}
