using System.Net;

namespace Ztunnel.Kubernetes;

/// <summary>
/// A request that the API server refused, or that did not reach it. The message says what was asked and what the server said
/// of it: <c>GET /api/v1/pods: 403 Forbidden: ...</c>
/// </summary>
public sealed class ApiException : IOException
{
    /// <summary>The <see cref="Code"/> where no answer came.</summary>
    public const HttpStatusCode NoAnswer = default;

    /// <summary>The <see cref="Reason"/> where no answer came.</summary>
    public const string UnreachableReason = "Unreachable";

    /// <summary>The <see cref="Reason"/> where no answer came in time.</summary>
    public const string TimeoutReason = "Timeout";

    /// <summary>The <see cref="Reason"/> where the answer was none of the API's.</summary>
    public const string MalformedReason = "MalformedAnswer";

    /// <summary>The <see cref="Reason"/> where a watch ended well before its time and had brought nothing.</summary>
    public const string EmptyReason = "EmptyWatch";

    internal ApiException(string asked, HttpStatusCode code, string reason, string message, TimeSpan? retryAfter = null, Exception? inner = null)
        : base(code == NoAnswer ? $"{asked}: {message}" : $"{asked}: {(int)code} {reason}: {message}", inner)
    {
        Code = code;
        Reason = reason;
        RetryAfter = retryAfter;
    }

    /// <summary>The HTTP status, or <see cref="NoAnswer"/>.</summary>
    public HttpStatusCode Code { get; }

    /// <summary>
    /// The <c>reason</c> of the server's Status: <c>NotFound</c>, <c>Conflict</c>, <c>AlreadyExists</c>, <c>Expired</c>,
    /// <c>Invalid</c>, <c>Forbidden</c>; or one of the constants here.
    /// </summary>
    public string Reason { get; }

    /// <summary>How long the server wants to be left alone.</summary>
    public TimeSpan? RetryAfter { get; }

    /// <summary>There is no such object or collection.</summary>
    public bool IsNotFound => Code == HttpStatusCode.NotFound;

    /// <summary>The object has changed since it was read, or its name is taken, or another field manager has the field.</summary>
    public bool IsConflict => Code == HttpStatusCode.Conflict;

    /// <summary>The version asked for is no longer kept; the collection is to be listed again.</summary>
    public bool IsExpired => Code == HttpStatusCode.Gone;

    /// <summary>We may not do this.</summary>
    public bool IsForbidden => Code == HttpStatusCode.Forbidden;

    /// <summary>Whether the same request may well succeed a little later.</summary>
    public bool IsTransient =>
        Code is HttpStatusCode.TooManyRequests or HttpStatusCode.InternalServerError or HttpStatusCode.BadGateway
            or HttpStatusCode.ServiceUnavailable or HttpStatusCode.GatewayTimeout
        || Code == NoAnswer;
}
