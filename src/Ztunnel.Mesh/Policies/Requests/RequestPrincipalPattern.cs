namespace Ztunnel.Mesh;

/// <summary>
/// A value of <c>requestPrincipals</c>: <c>ISSUER/SUBJECT</c>, parted at its last slash, each side with a <c>*</c> of its own; or
/// <c>*</c> for any token. So no subject can pass for another issuer's by holding slashes.
/// </summary>
public sealed class RequestPrincipalPattern
{
    private readonly TextPattern _issuer;
    private readonly TextPattern _subject;
    private readonly string _value;

    /// <summary>The pattern that <paramref name="value"/> is.</summary>
    public RequestPrincipalPattern(string value)
    {
        ArgumentNullException.ThrowIfNull(value);
        _value = value;
        int slash = value.LastIndexOf('/');
        // https://* is about issuers; there is no subject in it.
        bool onlyIssuer = value is [.., '/', '/', '*'] || (slash < 0 && value is [not '*', .., '*']);
        _issuer = new TextPattern(onlyIssuer ? value : slash < 0 ? "*" : value[..slash]);
        _subject = new TextPattern(onlyIssuer ? "*" : value[(slash + 1)..]);
    }

    /// <summary>The value it was made of.</summary>
    public override string ToString() => _value;

    internal bool Matches(VerifiedToken token) => _issuer.Matches(token.Issuer) && _subject.Matches(token.Subject);
}
