using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;

namespace Ztunnel.Kubernetes;

/// <summary>Makes exceptions of answers that are none, and of what kept an answer away.</summary>
internal static class ApiFault
{
    private const int MostRead = 64 * 1024;
    private const int MostShown = 2000;

    /// <summary>Of an answer that is not a success.</summary>
    public static async Task<ApiException> Of(ApiRequest request, HttpResponseMessage response, TimeProvider time, CancellationToken cancellationToken)
    {
        byte[] body = await ReadStart(response, cancellationToken);
        TimeSpan? retryAfter = RetryAfter(response, time);
        try
        {
            using JsonDocument status = JsonDocument.Parse(body);
            return Of(request.Path, request.Asked, response.StatusCode, status.RootElement, retryAfter);
        }
        catch (JsonException)
        {
            string text = body.Length == 0 ? response.ReasonPhrase ?? "no explanation" : Encoding.UTF8.GetString(body);
            return new ApiException(request.Asked, response.StatusCode, NameOf(response.StatusCode), Shown(text), retryAfter);
        }
    }

    /// <summary>Of a Status object (meta/v1), as answers and watches bring it.</summary>
    public static ApiException Of(ApiPath path, string asked, HttpStatusCode code, JsonElement status, TimeSpan? retryAfter = null)
    {
        bool isObject = status.ValueKind == JsonValueKind.Object;
        string? message = isObject ? JsonMembers.Text(status, "message") : null, reason = isObject ? JsonMembers.Text(status, "reason") : null;
        if (code == ApiException.NoAnswer && isObject && status.TryGetProperty("code", out JsonElement number) && number.TryGetInt32(out int given))
            code = (HttpStatusCode)given;
        if (isObject && retryAfter is null && status.TryGetProperty("details", out JsonElement details) && details.ValueKind == JsonValueKind.Object
            && details.TryGetProperty("retryAfterSeconds", out JsonElement seconds) && seconds.TryGetInt32(out int after) && after > 0)
        {
            retryAfter = TimeSpan.FromSeconds(after);
        }

        // What is wrong with a Secret is explained with what is in it.
        bool quotes = path.Resource == ApiResource.Secrets && code is HttpStatusCode.BadRequest or HttpStatusCode.UnprocessableEntity;
        string shown = quotes ? "not shown, as it may quote the Secret" : Shown(message ?? "no explanation");
        return new ApiException(asked, code, string.IsNullOrEmpty(reason) ? NameOf(code) : reason, shown, retryAfter);
    }

    /// <summary>Of what kept an answer away.</summary>
    public static ApiException Of(ApiRequest request, ApiAccess access, Exception error) => error switch
    {
        OperationCanceledException or TimeoutException =>
            new ApiException(request.Asked, ApiException.NoAnswer, ApiException.TimeoutReason, $"no answer in time from {access.Server.Authority}", inner: error),
        JsonException => new ApiException(request.Asked, ApiException.NoAnswer, ApiException.MalformedReason, "the answer is not JSON", inner: error),
        _ => new ApiException(request.Asked, ApiException.NoAnswer, ApiException.UnreachableReason, $"{access.Server.Authority} cannot be reached: {Root(error)}", inner: error),
    };

    private static async Task<byte[]> ReadStart(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        var start = new byte[MostRead];
        await using Stream stream = await response.Content.ReadAsStreamAsync(cancellationToken);
        int read = await stream.ReadAtLeastAsync(start, MostRead, throwOnEndOfStream: false, cancellationToken);
        return start[..read];
    }

    private static TimeSpan? RetryAfter(HttpResponseMessage response, TimeProvider time)
    {
        if (response.Headers.RetryAfter is not { } header)
            return null;
        TimeSpan after = header.Delta ?? (header.Date - time.GetUtcNow()) ?? TimeSpan.Zero;
        return after > TimeSpan.Zero ? after : null;
    }

    private static string NameOf(HttpStatusCode code) =>
        Enum.IsDefined(code) ? code.ToString() : ((int)code).ToString(CultureInfo.InvariantCulture);

    private static string Shown(string text)
    {
        string line = string.Concat(text.Trim().Select(c => char.IsControl(c) ? ' ' : c));
        return line.Length <= MostShown ? line : line[..MostShown] + "...";
    }

    /// <summary>The innermost message says what is wrong; those around it only that something is.</summary>
    private static string Root(Exception error)
    {
        while (error.InnerException is { } inner)
            error = inner;
        return error.Message;
    }
}
