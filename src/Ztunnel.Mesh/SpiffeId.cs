using System.Diagnostics.CodeAnalysis;

namespace Ztunnel.Mesh;

/// <summary>
/// A workload's identity in the mesh: <c>spiffe://TRUST-DOMAIN/ns/NAMESPACE/sa/SERVICE-ACCOUNT</c>, the form Istio gives
/// to Kubernetes service accounts. An instance is always valid by SPIFFE-ID sections 2.1 to 2.3 and always canonical:
/// though section 2.4 would let a reader fold the case of scheme and trust domain, 2.1 forbids writing them in anything
/// but lower case, and two spellings of one identity are what an authorization rule must never meet. Equality is ordinal.
/// </summary>
public sealed record SpiffeId
{
    /// <summary>The longest URI accepted, in bytes (SPIFFE-ID section 2.3).</summary>
    public const int MaxLength = 2048;

    /// <summary>The longest trust domain accepted, in bytes (SPIFFE-ID section 2.3).</summary>
    public const int MaxTrustDomainLength = 255;

    private const string Scheme = "spiffe://";

    private readonly string _text;
    private readonly int _hash;

    private SpiffeId(string text, string trustDomain, string @namespace, string serviceAccount)
    {
        _text = text;
        _hash = text.GetHashCode(StringComparison.Ordinal);
        TrustDomain = trustDomain;
        Namespace = @namespace;
        ServiceAccount = serviceAccount;
    }

    /// <summary>The authority of the URI, lower case, for example <c>cluster.local</c>.</summary>
    public string TrustDomain { get; }

    /// <summary>The Kubernetes namespace.</summary>
    public string Namespace { get; }

    /// <summary>The Kubernetes service account.</summary>
    public string ServiceAccount { get; }

    /// <summary>The identity as policies write it: <c>TRUST-DOMAIN/ns/NAMESPACE/sa/SERVICE-ACCOUNT</c>.</summary>
    internal ReadOnlySpan<char> WithoutScheme => _text.AsSpan(Scheme.Length);

    /// <summary>Makes the identity of a service account. Throws <see cref="FormatException"/> naming the part that is not allowed.</summary>
    public static SpiffeId Create(string trustDomain, string @namespace, string serviceAccount) =>
        TryCreate(trustDomain, @namespace, serviceAccount, out SpiffeId? id, out string? reason)
            ? id
            : throw new FormatException($"not a SPIFFE identity: {reason}");

    /// <summary>Makes the identity of a service account, or says in one line why it cannot be one.</summary>
    public static bool TryCreate(
        string trustDomain,
        string @namespace,
        string serviceAccount,
        [NotNullWhen(true)] out SpiffeId? id,
        [NotNullWhen(false)] out string? reason)
    {
        ArgumentNullException.ThrowIfNull(trustDomain);
        ArgumentNullException.ThrowIfNull(@namespace);
        ArgumentNullException.ThrowIfNull(serviceAccount);
        id = null;
        reason = TrustDomainFault(trustDomain)
            ?? SegmentFault("namespace", @namespace)
            ?? SegmentFault("service account", serviceAccount);
        if (reason is not null)
            return false;
        string text = $"{Scheme}{trustDomain}/ns/{@namespace}/sa/{serviceAccount}";
        if (text.Length > MaxLength)
        {
            reason = TooLong(text.Length);
            return false;
        }

        id = new SpiffeId(text, trustDomain, @namespace, serviceAccount);
        return true;
    }

    /// <summary>Reads an identity. Throws <see cref="FormatException"/> with the reason of <see cref="TryParse"/>.</summary>
    public static SpiffeId Parse(ReadOnlySpan<char> text) =>
        TryParse(text, out SpiffeId? id, out string? reason) ? id : throw new FormatException($"not a SPIFFE identity: {reason}");

    /// <summary>
    /// Reads an identity, or says in one line why the text is none. The line may quote single characters of the text but
    /// never control characters, so it is safe to log whatever a peer presented.
    /// </summary>
    public static bool TryParse(
        ReadOnlySpan<char> text, [NotNullWhen(true)] out SpiffeId? id, [NotNullWhen(false)] out string? reason)
    {
        id = null;
        if (text.Length > MaxLength)
        {
            reason = TooLong(text.Length);
            return false;
        }

        if (!text.StartsWith(Scheme, StringComparison.Ordinal))
        {
            reason = $"it does not begin with {Scheme} in lower case";
            return false;
        }

        // One more range than wanted: whatever follows a fifth slash shows as a sixth part.
        Span<Range> parts = stackalloc Range[6];
        ReadOnlySpan<char> rest = text[Scheme.Length..];
        int count = rest.Split(parts, '/');
        reason = TrustDomainFault(rest[parts[0]]);
        if (reason is not null)
            return false;
        if (count != 5 || rest[parts[1]] is not "ns" || rest[parts[3]] is not "sa")
        {
            reason = "its path is not /ns/NAMESPACE/sa/SERVICE-ACCOUNT";
            return false;
        }

        ReadOnlySpan<char> @namespace = rest[parts[2]];
        ReadOnlySpan<char> serviceAccount = rest[parts[4]];
        reason = SegmentFault("namespace", @namespace) ?? SegmentFault("service account", serviceAccount);
        if (reason is not null)
            return false;
        id = new SpiffeId(text.ToString(), rest[parts[0]].ToString(), @namespace.ToString(), serviceAccount.ToString());
        return true;
    }

    /// <inheritdoc/>
    public bool Equals(SpiffeId? other) =>
        ReferenceEquals(this, other) || (other is not null && _hash == other._hash && string.Equals(_text, other._text, StringComparison.Ordinal));

    /// <inheritdoc/>
    public override int GetHashCode() => _hash;

    /// <summary>The URI.</summary>
    public override string ToString() => _text;

    private static string TooLong(int length) => $"it is {length} characters long, over the {MaxLength} SPIFFE allows";

    private static string? TrustDomainFault(ReadOnlySpan<char> name)
    {
        if (name.IsEmpty)
            return "its trust domain is empty";
        if (name.Length > MaxTrustDomainLength)
            return $"its trust domain is {name.Length} characters long, over the {MaxTrustDomainLength} SPIFFE allows";
        foreach (char c in name)
        {
            if (!char.IsAsciiLetterLower(c) && !IsDigitOrMark(c))
                return $"its trust domain contains {Show(c)}";
        }

        return null;
    }

    private static string? SegmentFault(string what, ReadOnlySpan<char> segment)
    {
        if (segment.IsEmpty)
            return $"its {what} is empty";
        if (segment is "." or "..")
            return $"its {what} is a relative path";
        foreach (char c in segment)
        {
            if (!char.IsAsciiLetter(c) && !IsDigitOrMark(c))
                return $"its {what} contains {Show(c)}";
        }

        return null;
    }

    private static bool IsDigitOrMark(char c) => char.IsAsciiDigit(c) || c is '.' or '-' or '_';

    private static string Show(char c) => c is > ' ' and < '\x7f' ? $"'{c}'" : $"U+{(int)c:X4}";
}
