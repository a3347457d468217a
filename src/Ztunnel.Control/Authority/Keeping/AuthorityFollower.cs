using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging;
using Ztunnel.Identity;
using Ztunnel.Kubernetes;

namespace Ztunnel.Control;

/// <summary>
/// Every replica's part: signs with what the Secret <c>ztunnel-ca</c> says. While that cannot be read, or not understood, what was last
/// good goes on signing.
/// </summary>
internal sealed partial class AuthorityFollower(
    ApiClient api, ClusterAuthorityOptions options, SigningState signing, TimeProvider time, ILogger logger)
{
    private string? _version;
    private volatile string? _fault = "not read yet";
    private volatile AuthorityRecord? _seen;

    /// <summary>Why what is kept is not what signs; null while it is.</summary>
    public string? Fault => _fault;

    /// <summary>What this replica last saw kept; null before it saw any.</summary>
    public AuthorityRecord? Seen => _seen;

    /// <summary>Looks once. Throws nothing that passes.</summary>
    public async Task Look(CancellationToken cancellationToken)
    {
        try
        {
            JsonNode secret = await api.Get(ApiResource.Secrets.Named(options.SystemNamespace, AuthoritySecret.KeptName), cancellationToken);
            string? version = (string?)secret["metadata"]?["resourceVersion"];
            if (version is not null && string.Equals(version, _version, StringComparison.Ordinal))
                return;
            Use(AuthoritySecret.ReadKept(secret, time.GetUtcNow()));
            _version = version;
            _fault = null;
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            string fault = e is ApiException { IsNotFound: true }
                ? $"the leader has not made Secret {options.SystemNamespace}/{AuthoritySecret.KeptName} yet"
                : AuthorityKeeper.Told(e);
            if (!string.Equals(_fault, fault, StringComparison.Ordinal))
                LogNotRead(fault);
            _fault = fault;
        }
    }

    private void Use(AuthorityRecord record)
    {
        if (record.Signing is not { } material)
            throw new CertificateFileException(AuthoritySecret.KeptName, CertificateFileProblem.Expired, "what signs has expired");
        _seen = record;
        signing.Use(material.Open(time.GetUtcNow()), record.Roots.Select(root => root.Certificate));
        LogUsed(material.Root.SerialNumber, material.NotAfter);
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "this replica signs under root {Root}, until {NotAfter:u}")]
    private partial void LogUsed(string root, DateTimeOffset notAfter);

    [LoggerMessage(Level = LogLevel.Warning, Message = "the authority's key is not read: {Why}")]
    private partial void LogNotRead(string why);
}
