using System.Globalization;
using System.Text.Json.Nodes;

namespace Ztunnel.Kubernetes;

/// <summary>The Lease as one contender sees it, and its hold on it. One caller at a time.</summary>
internal sealed class LeaseHold(ApiClient client, LeaderElectionOptions options)
{
    private readonly ApiPath _path = ApiResource.Leases.Named(options.Namespace, options.Name);

    // What was seen of the Lease last, and when it was seen to have changed.
    private (string Version, long Since)? _seen;
    private TimeSpan _duration;
    private long _renewed;

    /// <summary>Who has it; null when nobody.</summary>
    public string? Holder { get; private set; }

    /// <summary>How long ago it was renewed for us: when that was asked for, not when it was answered.</summary>
    public TimeSpan Age => client.Time.GetElapsedTime(_renewed);

    /// <summary>Takes or renews it; false where another has it. Throws <see cref="ApiException"/>.</summary>
    public async Task<bool> TryTake(CancellationToken cancellationToken)
    {
        try
        {
            JsonNode lease = await client.Get(_path, cancellationToken);
            Look(lease);
            if (Holder is not null && !IsOurs && client.Time.GetElapsedTime(_seen!.Value.Since) < _duration)
                return false;
            return await Write(lease, cancellationToken);
        }
        catch (ApiException error) when (error.IsNotFound)
        {
            return await Create(cancellationToken);
        }
        catch (ApiException error) when (error.IsConflict)
        {
            // Somebody was quicker, or we were and did not hear of it.
            Look(await client.Get(_path, cancellationToken));
            return IsOurs;
        }
    }

    /// <summary>Gives it up, so that nobody has to wait for its end.</summary>
    public async Task Release(CancellationToken cancellationToken)
    {
        JsonNode lease = await client.Get(_path, cancellationToken);
        Look(lease);
        if (!IsOurs)
            return;
        JsonObject spec = (JsonObject)lease["spec"]!;
        spec["holderIdentity"] = "";
        spec["leaseDurationSeconds"] = 1;
        Look(await client.Replace(_path, lease, cancellationToken));
    }

    private bool IsOurs => string.Equals(Holder, options.Identity, StringComparison.Ordinal);

    private async Task<bool> Write(JsonNode lease, CancellationToken cancellationToken)
    {
        if (lease["spec"] is not JsonObject spec)
            lease["spec"] = spec = [];
        long asked = client.Time.GetTimestamp();
        if (!IsOurs)
        {
            spec["acquireTime"] = MicroTime.Of(client.Time.GetUtcNow());
            spec["leaseTransitions"] = ((int?)spec["leaseTransitions"] ?? 0) + 1;
        }

        Fill(spec);
        Look(await client.Replace(_path, lease, cancellationToken));
        _renewed = asked;
        return true;
    }

    private async Task<bool> Create(CancellationToken cancellationToken)
    {
        var spec = new JsonObject { ["acquireTime"] = MicroTime.Of(client.Time.GetUtcNow()), ["leaseTransitions"] = 0 };
        Fill(spec);
        var lease = new JsonObject
        {
            ["apiVersion"] = ApiResource.Leases.ApiVersion,
            ["kind"] = ApiResource.Leases.Kind,
            ["metadata"] = new JsonObject { ["name"] = options.Name, ["namespace"] = options.Namespace },
            ["spec"] = spec,
        };
        long asked = client.Time.GetTimestamp();
        try
        {
            Look(await client.Create(ApiResource.Leases.In(options.Namespace), lease, cancellationToken));
            _renewed = asked;
            return true;
        }
        catch (ApiException error) when (error.IsConflict)
        {
            return false;
        }
    }

    private void Fill(JsonObject spec)
    {
        spec["holderIdentity"] = options.Identity;
        spec["leaseDurationSeconds"] = (int)options.LeaseDuration.TotalSeconds;
        spec["renewTime"] = MicroTime.Of(client.Time.GetUtcNow());
    }

    private void Look(JsonNode lease)
    {
        string version = (string?)lease["metadata"]?["resourceVersion"] ?? "";
        if (_seen is not { } seen || !string.Equals(seen.Version, version, StringComparison.Ordinal))
            _seen = (version, client.Time.GetTimestamp());
        Holder = (string?)lease["spec"]?["holderIdentity"] is { Length: > 0 } holder ? holder : null;
        _duration = TimeSpan.FromSeconds((int?)lease["spec"]?["leaseDurationSeconds"] ?? (int)options.LeaseDuration.TotalSeconds);
    }
}

/// <summary>Times as Leases and Events have them (meta/v1 MicroTime).</summary>
internal static class MicroTime
{
    public static string Of(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture);
}
