using System.Net;

namespace Ztunnel.Testing.Cluster;

/// <summary>The API server's refusal.</summary>
public sealed class ClusterApiException(HttpStatusCode code, string message) : Exception(message)
{
    public HttpStatusCode Code => code;

    /// <summary>
    /// What a controller meets in the ordinary course of things, and answers by looking again: gone, changed, or in a namespace that
    /// is going.
    /// </summary>
    public bool IsRace => code is HttpStatusCode.NotFound or HttpStatusCode.Conflict or HttpStatusCode.Forbidden;
}
