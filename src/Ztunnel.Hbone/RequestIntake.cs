using System.Globalization;
using System.Text;
using Ztunnel.Hbone.Wire;
using Ztunnel.IO;

namespace Ztunnel.Hbone;

/// <summary>A server's requests: from the HEADERS that open a stream to the answer its handler gives.</summary>
internal sealed class RequestIntake(HboneConnection connection, Func<IncomingConnect, ValueTask> handler)
{
    // Handlers whose client has reset the stream and that have not finished. They count against the stream limit: a client
    // that opens and resets would otherwise make us do any number of connects at once (CVE-2023-44487).
    private int _abandoned;

    /// <summary>True if a stream the client just opened may be served.</summary>
    public bool MayAccept =>
        connection.Lifetime.AcceptsStreams
        && connection.Streams.Count + _abandoned < connection.Options.MaxConcurrentStreams
        && connection.Abuse.MaySpoil(connection.Now);

    /// <summary>Opens the stream of the request in the connection's header list and hands it to the handler.</summary>
    public void Open(int streamId, bool endStream)
    {
        HboneStream stream = new(connection, streamId, connection.Peer.InitialWindow, connection.LocalInitialWindow);
        if (endStream)
            stream.EndRemote();
        IncomingConnect incoming = new(stream, connection.Headers.GetText(KnownHeader.Authority) ?? "", CopyHeaders(connection.Headers));
        stream.Opening = incoming;
        connection.Streams.Add(stream);
        connection.Abuse.RefundIdle(4);
        _ = HandleAsync(incoming);
    }

    /// <summary>Answers 200.</summary>
    public void Accept(HboneStream stream, IReadOnlyList<TunnelHeader> headers)
    {
        if (stream.IsClosed)
        {
            _abandoned--;
            return;
        }

        connection.Headers.Clear();
        connection.Headers.Add(KnownHeader.Status, "200");
        for (int i = 0; i < headers.Count; i++)
            connection.Headers.Add(headers[i].Name, headers[i].Value);
        stream.Connect();
        connection.Abuse.RefundSpoiled();
        connection.SendHeaders(stream.Id, endStream: false, isAnswer: true);
    }

    /// <summary>Answers with another status and ends the stream.</summary>
    public void Refuse(HboneStream stream, int status)
    {
        if (stream.IsClosed)
        {
            _abandoned--;
            return;
        }

        Refuse(stream.Id, stream.RemoteEnded, status);
        connection.Forget(stream);
    }

    /// <summary>Answers a request that opened no stream; the client is asked to stop sending (RFC 9113 section 8.1).</summary>
    public void Refuse(int streamId, bool remoteEnded, int status)
    {
        connection.Headers.Clear();
        connection.Headers.Add(KnownHeader.Status, status.ToString(CultureInfo.InvariantCulture));
        connection.SendHeaders(streamId, endStream: true, isAnswer: true);
        if (remoteEnded)
        {
            connection.Streams.NoteEndedByPeer(streamId);
            return;
        }

        connection.Writer.ResetStream(streamId, ErrorCode.NoError);
        connection.Streams.NoteReset(streamId);
    }

    /// <summary>A stream is gone; if its request was not answered, its handler is still at work.</summary>
    public void OnForgotten(HboneStream stream)
    {
        if (stream.Opening is not null)
            _abandoned++;
    }

    private static TunnelHeader[] CopyHeaders(HeaderList headers)
    {
        int count = 0;
        for (int i = 0; i < headers.Count; i++)
            count += headers[i].Name[0] == ':' ? 0 : 1;
        if (count == 0)
            return [];
        TunnelHeader[] copies = new TunnelHeader[count];
        for (int i = headers.Count - 1; i >= 0; i--)
        {
            HeaderField field = headers[i];
            if (field.Name[0] == ':')
                continue;
            string name = field.Known == KnownHeader.None ? Encoding.ASCII.GetString(field.Name) : KnownHeaders.Text(field.Known);
            copies[--count] = new TunnelHeader(name, Encoding.Latin1.GetString(field.Value));
        }

        return copies;
    }

    private async Task HandleAsync(IncomingConnect incoming)
    {
        try
        {
            await handler(incoming);
        }
        catch (Exception exception)
        {
            HboneLog.HandlerFailed(connection.Logger, exception, incoming.Authority);
            incoming.Break(new ChannelFailure(FailureKind.Local, "the handler failed"));
        }

        if (!incoming.IsAnswered)
            incoming.Refuse(500);
    }
}
