using System.Collections.Immutable;

namespace Ztunnel.Mesh;

/// <summary>
/// What a rule demands of one attribute of a request or of the connection it came by. A closed set. What is not there, as a
/// header, a token or a claim, matches nothing, and so what is asked of it with <see cref="Matcher{TFacts}.Negated"/> is met,
/// as in Istio.
/// </summary>
public abstract class RequestMatcher : Matcher<HttpAuthorizationFacts>
{
    private protected RequestMatcher()
    {
    }

    private static bool Any(ImmutableArray<TextPattern> patterns, ReadOnlySpan<char> text)
    {
        foreach (ref readonly TextPattern pattern in patterns.AsSpan())
        {
            if (pattern.Matches(text))
                return true;
        }

        return false;
    }

    private static bool AnyInAnyCase(ImmutableArray<TextPattern> patterns, ReadOnlySpan<char> text)
    {
        foreach (ref readonly TextPattern pattern in patterns.AsSpan())
        {
            if (pattern.MatchesInAnyCase(text))
                return true;
        }

        return false;
    }

    private static bool Any(ImmutableArray<TextPattern> patterns, ImmutableArray<string> texts)
    {
        foreach (string text in texts)
        {
            if (Any(patterns, text))
                return true;
        }

        return false;
    }

    /// <summary>An attribute of the connection.</summary>
    public sealed class OfConnection(AttributeMatcher matcher) : RequestMatcher
    {
        private protected override bool AnyMatches(in HttpAuthorizationFacts facts)
        {
            ConnectionFacts connection = facts.Connection;
            return matcher.Matches(connection);
        }
    }

    /// <summary>The method, in the case it is written in.</summary>
    public sealed class Method(ImmutableArray<TextPattern> values) : RequestMatcher
    {
        private protected override bool AnyMatches(in HttpAuthorizationFacts facts) => Any(values, facts.Method);
    }

    /// <summary>The host without regard to case, as the client wrote it or without its port and the dot at its end.</summary>
    public sealed class Host(ImmutableArray<TextPattern> values) : RequestMatcher
    {
        private protected override bool AnyMatches(in HttpAuthorizationFacts facts)
        {
            ReadOnlySpan<char> host = facts.Host;
            if (AnyInAnyCase(values, host))
                return true;
            ReadOnlySpan<char> name = WithoutPort(host).TrimEnd('.');
            return name.Length != host.Length && AnyInAnyCase(values, name);
        }

        private static ReadOnlySpan<char> WithoutPort(ReadOnlySpan<char> host)
        {
            int colon = host.LastIndexOf(':');
            return colon > host.LastIndexOf(']') ? host[..colon] : host;
        }
    }

    /// <summary>The path.</summary>
    public sealed class Path(ImmutableArray<PathPattern> values) : RequestMatcher
    {
        private protected override bool AnyMatches(in HttpAuthorizationFacts facts)
        {
            HttpPath path = facts.Path;
            foreach (PathPattern pattern in values)
            {
                if (pattern.Matches(path, facts.DecodedPath))
                    return true;
            }

            return false;
        }
    }

    /// <summary>A header; <c>*</c> is also met by one that is empty.</summary>
    public sealed class Header(string name, ImmutableArray<TextPattern> values) : RequestMatcher
    {
        private readonly bool _presence = values.Any(value => value.IsPresence);

        private protected override bool AnyMatches(in HttpAuthorizationFacts facts) =>
            facts.Headers.Find(name) is { } value && (_presence || Any(values, value));
    }

    /// <summary>Issuer and subject of the token.</summary>
    public sealed class RequestPrincipal(ImmutableArray<RequestPrincipalPattern> values) : RequestMatcher
    {
        private protected override bool AnyMatches(in HttpAuthorizationFacts facts)
        {
            if (facts.Token is not { } token)
                return false;
            foreach (RequestPrincipalPattern pattern in values)
            {
                if (pattern.Matches(token))
                    return true;
            }

            return false;
        }
    }

    /// <summary>One of the audiences of the token.</summary>
    public sealed class Audience(ImmutableArray<TextPattern> values) : RequestMatcher
    {
        private protected override bool AnyMatches(in HttpAuthorizationFacts facts) =>
            facts.Token is { } token && Any(values, token.Audiences);
    }

    /// <summary>To whom the token was given (its claim <c>azp</c>).</summary>
    public sealed class Presenter(ImmutableArray<TextPattern> values) : RequestMatcher
    {
        private protected override bool AnyMatches(in HttpAuthorizationFacts facts) => Any(values, facts.Token?.AuthorizedParty);
    }

    /// <summary>A claim of the token, or one within another: one of its texts where it is a list.</summary>
    public sealed class Claim(ImmutableArray<string> path, ImmutableArray<TextPattern> values) : RequestMatcher
    {
        private protected override bool AnyMatches(in HttpAuthorizationFacts facts) =>
            facts.Token?.Claims.Find(path.AsSpan()) is { } claim && Any(values, claim.Values);
    }

    /// <summary>The server name of the client's TLS handshake.</summary>
    public sealed class ServerName(ImmutableArray<TextPattern> values) : RequestMatcher
    {
        private protected override bool AnyMatches(in HttpAuthorizationFacts facts) =>
            AnyInAnyCase(values, facts.ServerName);
    }

    /// <summary>The address the request comes from by what trusted proxies say of it.</summary>
    public sealed class RemoteAddress(ImmutableArray<AddressRange> values) : RequestMatcher
    {
        private protected override bool AnyMatches(in HttpAuthorizationFacts facts)
        {
            foreach (ref readonly AddressRange range in values.AsSpan())
            {
                if (range.Contains(facts.RemoteAddress))
                    return true;
            }

            return false;
        }
    }
}
