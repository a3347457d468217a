using System.Net;
using System.Text.Json;
using Ztunnel.Resources;

namespace Ztunnel.Kubernetes;

/// <summary>Tells in which of its versions a server serves a kind (the API's discovery). Answers are kept for a few seconds, for those who ask at one time.</summary>
internal sealed class ServedVersions(ApiClient client)
{
    private static readonly TimeSpan Fresh = TimeSpan.FromSeconds(10);

    private readonly Lock _lock = new();
    private readonly Dictionary<string, (Task<IReadOnlySet<string>> Names, long Asked)> _answers = new(StringComparer.Ordinal);

    /// <summary>
    /// The kind's collection in the best version that is served and read. Throws <see cref="ApiException"/>, where there is none
    /// one that <see cref="ApiException.IsNotFound"/>.
    /// </summary>
    public async Task<ApiResource> Find(ObjectKind kind, CancellationToken cancellationToken)
    {
        ApiResource usual = ApiResource.Of(kind);
        // What Kubernetes itself brings is always there.
        if (!usual.Group.Contains('.', StringComparison.Ordinal) || usual.Group.EndsWith(".k8s.io", StringComparison.Ordinal) && !IsCustom(usual.Group))
            return usual;
        string group = $"/apis/{usual.Group}";
        IReadOnlySet<string> served = await Ask(usual, group, static answer => Names(answer, "versions", "version"), cancellationToken);
        foreach (string version in ObjectJson.VersionsOf(kind).Where(served.Contains))
        {
            IReadOnlySet<string> plurals = await Ask(usual, $"{group}/{version}", static answer => Names(answer, "resources", "name"), cancellationToken);
            if (plurals.Contains(usual.Plural))
                return ApiResource.Of(kind, version);
        }

        string versions = string.Join(", ", ObjectJson.VersionsOf(kind));
        throw new ApiException($"GET {group}", HttpStatusCode.NotFound, "NotFound", $"the server has no {usual.FullName} of {versions}");
    }

    private static bool IsCustom(string group) => group is "gateway.networking.k8s.io";

    private static HashSet<string> Names(JsonElement answer, string list, string name) =>
        JsonMembers.Property(answer, list) is { ValueKind: JsonValueKind.Array } items
            ? items.EnumerateArray().Select(item => JsonMembers.Text(item, name)).OfType<string>().ToHashSet(StringComparer.Ordinal)
            : [];

    private async Task<IReadOnlySet<string>> Ask(
        ApiResource about, string path, Func<JsonElement, HashSet<string>> names, CancellationToken cancellationToken)
    {
        Task<IReadOnlySet<string>> answer;
        lock (_lock)
        {
            bool kept = _answers.TryGetValue(path, out (Task<IReadOnlySet<string>> Names, long Asked) known)
                && !known.Names.IsFaulted && !known.Names.IsCanceled && client.Time.GetElapsedTime(known.Asked) < Fresh;
            // Asked for all who wait, so that none of them breaks it off.
            answer = kept ? known.Names : Fetch(new ApiPath(about, path), names);
            if (!kept)
                _answers[path] = (answer, client.Time.GetTimestamp());
        }

        return await answer.WaitAsync(cancellationToken);
    }

    private async Task<IReadOnlySet<string>> Fetch(ApiPath path, Func<JsonElement, HashSet<string>> names)
    {
        try
        {
            using JsonDocument answer = await client.Read(new ApiRequest(HttpMethod.Get, path), CancellationToken.None);
            return names(answer.RootElement);
        }
        catch (ApiException error) when (error.IsNotFound)
        {
            return new HashSet<string>(StringComparer.Ordinal);
        }
    }
}
