namespace Ztunnel.Kubernetes;

/// <summary>A token, a client certificate or both, where files are looked at again from time to time, as the kubelet renews them.</summary>
internal sealed class KeptCredential(Setting? token, (Setting Certificate, Setting Key)? certificate) : ICredentialSource
{
    // A projected token is renewed when a fifth of its life is left, and that is minutes at least.
    private static readonly TimeSpan Fresh = TimeSpan.FromSeconds(30);

    private readonly Lock _lock = new();
    private readonly bool _changes = (token?.File ?? certificate?.Certificate.File ?? certificate?.Key.File) is not null;
    private Credential? _current;
    private DateTimeOffset _read;

    public ValueTask<Credential> Get(Credential? refused, TimeProvider time, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            bool fresh = _current is not null && (!_changes || (_current != refused && time.GetUtcNow() - _read < Fresh));
            if (!fresh)
            {
                _current = Read(_current);
                _read = time.GetUtcNow();
            }

            return new(_current!);
        }
    }

    private Credential Read(Credential? before)
    {
        string? text = token?.Read().Trim();
        if (text is not null && !Credential.IsToken(text))
            throw new ApiAccessException($"{token}: {(text.Length == 0 ? "no token" : "not a token")}");
        ClientCertificate? read = certificate is { } pair
            ? ClientCertificate.FromPem(pair.Certificate.Read(), pair.Key.Read(), pair.Certificate.ToString())
            : null;
        // What has not changed stays the same object, by which a caller sees that there is nothing new.
        ClientCertificate? kept = before?.Certificate is { } earlier && read?.IsSame(earlier) == true ? earlier : read;
        bool same = before is not null && string.Equals(before.Token, text, StringComparison.Ordinal) && before.Certificate == kept;
        return same ? before! : new Credential(text, kept);
    }
}
