using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging;
using Ztunnel.Identity;
using Ztunnel.Kubernetes;

namespace Ztunnel.Control;

/// <summary>
/// The leader's part: makes the Secret <c>ztunnel-ca</c>, takes it from step to step of a rotation, and has its roots spread. All it
/// goes by is read anew each time, and a write that meets another's is dropped, so two that take themselves for the leader do no harm.
/// </summary>
/// <param name="api">The API server.</param>
/// <param name="options">How.</param>
/// <param name="spreader">Brings the roots to the namespaces.</param>
/// <param name="seen">What this replica last saw kept: a Secret that was deleted is made again of it, with the key that all still trust.</param>
/// <param name="events">Where a wrong <c>cacerts</c> is told to its owner; null for nowhere.</param>
/// <param name="time">The clock.</param>
/// <param name="logger">Gets each step.</param>
internal sealed partial class AuthorityKeeper(
    ApiClient api,
    ClusterAuthorityOptions options,
    RootSpreader spreader,
    Func<AuthorityRecord?> seen,
    EventRecorder? events,
    TimeProvider time,
    ILogger logger)
{
    private readonly RotationPlan _plan = new(options.Propagation, options.MaxLifetime);
    private volatile string? _fault;

    /// <summary>Why the operator's Secret is not taken, what is kept cannot be read, or roots cannot be spread; null while nothing is wrong.</summary>
    public string? Fault => _fault ?? spreader.Fault;

    /// <summary>Looks once and does what is due. Throws nothing that passes.</summary>
    public async Task Look(CancellationToken cancellationToken)
    {
        try
        {
            await Step(cancellationToken);
        }
        catch (ApiException e) when (e.IsConflict)
        {
            // Another replica wrote in the meantime: what it wrote is looked at next time.
            LogOvertaken();
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            // Whatever somebody has written into a Secret, the roots are to be kept again once it is mended.
            Tell(Told(e));
        }
    }

    /// <summary>What may be said of a failure: a message of ours, or the API's, which quote nothing of a Secret; of others only the kind.</summary>
    public static string Told(Exception error) =>
        error is ApiException or ApiAccessException or CertificateFileException ? error.Message : $"a Secret of the authority cannot be read ({error.GetType().Name})";

    private async Task Step(CancellationToken cancellationToken)
    {
        DateTimeOffset now = time.GetUtcNow();
        JsonNode? secret = await Find(AuthoritySecret.KeptName, cancellationToken);
        JsonNode? offer = await Find(AuthoritySecret.OfferedName, cancellationToken);
        AuthorityRecord? kept = secret is null ? seen() : AuthoritySecret.ReadKept(secret, now);
        OfferedAuthority? offered = ReadOffer(offer, now);
        // A wrong cacerts is somebody's who means to have one: no root of ours is put in its place.
        if (offer is not null && offered is null && kept is null)
            return;
        AuthorityRecord next = offer is not null && offered is null
            ? kept!
            : _plan.Next(kept, offered, secret is null ? null : AuthoritySecret.WishOf(secret), MakeRoot, now);
        if (secret is null || next.IsUnwritten || !ReferenceEquals(next, kept))
            secret = await Write(secret, next, cancellationToken);
        if (await spreader.Spread(next, now - next.Told < options.LongestHold, cancellationToken) && next.Confirmed(now) is var confirmed && !ReferenceEquals(confirmed, next))
            await Write(secret, confirmed, cancellationToken);
    }

    private OfferedAuthority? ReadOffer(JsonNode? offer, DateTimeOffset now)
    {
        try
        {
            OfferedAuthority? offered = offer is null ? null : AuthoritySecret.ReadOffered(offer, now);
            Tell(null);
            return offered;
        }
        catch (CertificateFileException e)
        {
            Tell(e.Message);
            events?.Warning(
                new ObjectReference("v1", "Secret", options.SystemNamespace, AuthoritySecret.OfferedName, (string?)offer!["metadata"]?["uid"]),
                "InvalidCertificateAuthority", "Rotate", e.Message);
            return null;
        }
    }

    private async Task<JsonNode?> Find(string name, CancellationToken cancellationToken)
    {
        try
        {
            return await api.Get(ApiResource.Secrets.Named(options.SystemNamespace, name), cancellationToken);
        }
        catch (ApiException e) when (e.IsNotFound)
        {
            return null;
        }
    }

    /// <summary>Writes what is kept: over the version that was read, or as the first.</summary>
    private async Task<JsonNode> Write(JsonNode? secret, AuthorityRecord record, CancellationToken cancellationToken)
    {
        bool isFirst = secret is null;
        JsonNode body = secret?.DeepClone() ?? new JsonObject
        {
            ["apiVersion"] = "v1",
            ["kind"] = "Secret",
            ["type"] = "Opaque",
            ["metadata"] = new JsonObject
            {
                ["name"] = AuthoritySecret.KeptName,
                ["namespace"] = options.SystemNamespace,
                ["labels"] = new JsonObject { ["app.kubernetes.io/managed-by"] = "ztunnel" },
            },
        };
        body["data"] = AuthoritySecret.Data(record);
        JsonNode written = isFirst
            ? await api.Create(ApiResource.Secrets.In(options.SystemNamespace), body, cancellationToken)
            : await api.Replace(ApiResource.Secrets.Named(options.SystemNamespace, AuthoritySecret.KeptName), body, cancellationToken);
        LogKept(
            record.Signing?.Root.SerialNumber ?? "none",
            string.Join(", ", record.Roots.Select(root => root.Until is { } until ? $"{root.Certificate.SerialNumber} until {until:u}" : root.Certificate.SerialNumber)));
        return written;
    }

    private SigningMaterial MakeRoot()
    {
        DateTimeOffset now = time.GetUtcNow();
        (X509Certificate2 root, ECDsa key) = SigningIdentity.MakeRoot(options.TrustDomain, now, options.RootLifetime);
        using X509Certificate2 ownedRoot = root;
        using ECDsa ownedKey = key;
        byte[] pem = Encoding.ASCII.GetBytes(root.ExportCertificatePem() + "\n");
        return SigningMaterial.Read("new root", new Dictionary<string, byte[]>(StringComparer.Ordinal)
        {
            [SigningFiles.CertificateName] = pem,
            [SigningFiles.RootName] = pem,
            [SigningFiles.KeyName] = Encoding.ASCII.GetBytes(key.ExportPkcs8PrivateKeyPem() + "\n"),
        }, now);
    }

    private void Tell(string? fault)
    {
        if (fault is not null && !string.Equals(_fault, fault, StringComparison.Ordinal))
            LogNotTaken(fault);
        _fault = fault;
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "certificates are signed under root {Signing}; trusted are {Roots}")]
    private partial void LogKept(string signing, string roots);

    [LoggerMessage(Level = LogLevel.Debug, Message = "another replica wrote " + AuthoritySecret.KeptName + " first")]
    private partial void LogOvertaken();

    [LoggerMessage(Level = LogLevel.Error, Message = "the authority's key stays as it is: {Fault}")]
    private partial void LogNotTaken(string fault);
}
