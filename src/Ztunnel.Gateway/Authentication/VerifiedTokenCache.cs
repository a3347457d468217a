using System.Collections.Concurrent;
using Ztunnel.Mesh;

namespace Ztunnel.Gateway;

/// <summary>
/// Tokens whose signature was verified lately, so that a client's next request costs no more than looking its token up. An entry
/// counts only while its key set does.
/// </summary>
internal sealed class VerifiedTokenCache
{
    private const int Most = 4096;

    private readonly ConcurrentDictionary<(JwtRule Rule, string Text), Verified> _tokens = new();

    /// <summary>What was found of a token; null where it is not known.</summary>
    public Verified? Find(JwtRule rule, string text) => _tokens.GetValueOrDefault((rule, text));

    /// <summary>Takes note of a verified token. Beyond so many all are forgotten, which costs less than keeping account of their age.</summary>
    public void Add(JwtRule rule, string text, Verified verified)
    {
        if (_tokens.Count >= Most)
            _tokens.Clear();
        _tokens[(rule, text)] = verified;
    }

    /// <summary>A token whose signature is valid.</summary>
    /// <param name="Token">The token.</param>
    /// <param name="Claims">What it says.</param>
    /// <param name="Keys">The keys it was verified with.</param>
    internal sealed record Verified(JsonWebToken Token, VerifiedToken Claims, JsonWebKeySet Keys);
}
