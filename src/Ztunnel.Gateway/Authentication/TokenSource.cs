using System.Collections.Immutable;
using Ztunnel.Mesh;

namespace Ztunnel.Gateway;

/// <summary>Where in a request a token was found.</summary>
internal abstract record TokenSource
{
    private const string BearerHeader = "authorization";
    private const string BearerPrefix = "Bearer ";
    private const string BearerParam = "access_token";

    private TokenSource()
    {
    }

    /// <summary>All tokens a rule finds in a request, in the order in which they are tried.</summary>
    public static IEnumerable<(TokenSource Source, string Token)> Find(JwtRule rule, IRequestHeaders headers, string query)
    {
        bool byDefault = rule.FromHeaders.IsEmpty && rule.FromParams.IsEmpty && rule.FromCookies.IsEmpty;
        foreach ((string name, string prefix) in byDefault ? [new JwtHeader(BearerHeader, BearerPrefix)] : rule.FromHeaders)
        {
            // The scheme of Authorization is without regard to case (RFC 9110 section 11.1).
            StringComparison comparison = string.Equals(prefix, BearerPrefix, StringComparison.Ordinal) ? StringComparison.OrdinalIgnoreCase : StringComparison.Ordinal;
            if (headers.Find(name) is { } value && value.StartsWith(prefix, comparison))
                yield return (new Header(name), value[prefix.Length..].Trim());
        }

        foreach (string name in byDefault ? [BearerParam] : rule.FromParams)
        {
            if (ParamsOf(query).FirstOrDefault(param => string.Equals(param.Name, name, StringComparison.Ordinal)) is { Value: { } value })
                yield return (new Param(name), Uri.UnescapeDataString(value));
        }

        foreach (string name in rule.FromCookies)
        {
            if (CookiesOf(headers).FirstOrDefault(cookie => string.Equals(cookie.Name, name, StringComparison.Ordinal)) is { Value: { } value })
                yield return (new Cookie(name), value.Trim('"'));
        }
    }

    /// <summary>What to change in the request so that the token is not sent on.</summary>
    public abstract void Remove(IRequestHeaders headers, string query, ImmutableArray<RequestHeader>.Builder changes, ref string? newQuery);

    private static IEnumerable<(string Name, string? Value, string Text)> ParamsOf(string query) => query.TrimStart('?').Split('&')
        .Select(param => param.IndexOf('=', StringComparison.Ordinal) is >= 0 and var at ? (param[..at], (string?)param[(at + 1)..], param) : (param, null, param));

    private static IEnumerable<(string Name, string? Value, string Text)> CookiesOf(IRequestHeaders headers) =>
        (headers.Find("cookie") ?? "").Split([';', ','], StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
            .Select(cookie => cookie.IndexOf('=', StringComparison.Ordinal) is >= 0 and var at ? (cookie[..at], (string?)cookie[(at + 1)..], cookie) : (cookie, null, cookie));

    /// <summary>In a header.</summary>
    public sealed record Header(string Name) : TokenSource
    {
        /// <inheritdoc/>
        public override void Remove(IRequestHeaders headers, string query, ImmutableArray<RequestHeader>.Builder changes, ref string? newQuery) =>
            changes.Add(new RequestHeader(Name, null));
    }

    /// <summary>In a parameter of the query.</summary>
    public sealed record Param(string Name) : TokenSource
    {
        /// <inheritdoc/>
        public override void Remove(IRequestHeaders headers, string query, ImmutableArray<RequestHeader>.Builder changes, ref string? newQuery)
        {
            newQuery = string.Join('&', ParamsOf(query).Where(param => !string.Equals(param.Name, Name, StringComparison.Ordinal)).Select(param => param.Text));
        }
    }

    /// <summary>In a cookie.</summary>
    public sealed record Cookie(string Name) : TokenSource
    {
        /// <inheritdoc/>
        public override void Remove(IRequestHeaders headers, string query, ImmutableArray<RequestHeader>.Builder changes, ref string? newQuery)
        {
            string rest = string.Join("; ", CookiesOf(headers).Where(cookie => !string.Equals(cookie.Name, Name, StringComparison.Ordinal)).Select(cookie => cookie.Text));
            changes.Add(new RequestHeader("cookie", rest.Length == 0 ? null : rest));
        }
    }
}
