using System.Buffers;
using System.Net.Http.Headers;

namespace Ztunnel.Benchmarks;

/// <summary>One watch as an agent opens it, whose answer is counted and thrown away: a thousand agents do not fit into one machine.</summary>
internal sealed class OpenWatch
{
    private long _lines;
    private long _bytes;

    /// <summary>Changes that came, bookmarks included.</summary>
    public long Lines => Volatile.Read(ref _lines);

    /// <summary>Bytes that came.</summary>
    public long Bytes => Volatile.Read(ref _bytes);

    /// <summary>Opens a watch and reads it until stopped.</summary>
    public static async Task<OpenWatch> Open(HttpClient client, string path, string accept, CancellationToken stop)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.Accept.Add(MediaTypeWithQualityHeaderValue.Parse(accept));
        HttpResponseMessage response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, stop);
        response.EnsureSuccessStatusCode();
        var watch = new OpenWatch();
        _ = watch.Read(response, stop);
        return watch;
    }

    private async Task Read(HttpResponseMessage response, CancellationToken stop)
    {
        using HttpResponseMessage answer = response;
        byte[] buffer = ArrayPool<byte>.Shared.Rent(32 * 1024);
        try
        {
            await using Stream body = await answer.Content.ReadAsStreamAsync(stop);
            int read;
            while ((read = await body.ReadAsync(buffer, stop)) > 0)
            {
                Interlocked.Add(ref _bytes, read);
                Interlocked.Add(ref _lines, buffer.AsSpan(0, read).Count((byte)'\n'));
            }
        }
        catch (Exception error) when (error is OperationCanceledException or IOException or HttpRequestException)
        {
            // The measurement is over.
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
