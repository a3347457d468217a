namespace Ztunnel.Control;

/// <summary>Who asks the authority, as the API server vouches for it: a service account, and the pod its token is bound to.</summary>
/// <param name="Namespace">The service account's namespace.</param>
/// <param name="ServiceAccount">Its name.</param>
internal sealed record Caller(string Namespace, string ServiceAccount)
{
    /// <summary>The pod the token was made for; null for a token that is bound to none.</summary>
    public string? PodName { get; init; }

    /// <summary>That pod's uid.</summary>
    public string? PodUid { get; init; }

    /// <summary>The node that pod runs on, where the API server says so (Kubernetes 1.30 and later).</summary>
    public string? NodeName { get; init; }

    /// <summary>The account, as the option that lists nodes' accounts has it.</summary>
    public string Account => $"{Namespace}/{ServiceAccount}";

    /// <summary>Who shares a rate: one pod, or all who have an account's unbound tokens.</summary>
    public string RateKey => PodUid ?? Account;
}
