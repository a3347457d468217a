namespace Ztunnel.Gateway;

/// <summary>Why a token is refused: the status of the answer and its body, in Envoy's words, which users look for.</summary>
/// <param name="Status">401, or 403 for a token that is valid but for somebody else.</param>
/// <param name="Message">The body.</param>
internal sealed record TokenRefusal(int Status, string Message)
{
    public static readonly TokenRefusal Form = new(401, "Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections");
    public static readonly TokenRefusal HeaderEncoding = new(401, "Jwt header is an invalid Base64url encoded");
    public static readonly TokenRefusal HeaderJson = new(401, "Jwt header is an invalid JSON");
    public static readonly TokenRefusal AlgorithmMissing = new(401, "Jwt header [alg] field is required and must be a string");
    public static readonly TokenRefusal AlgorithmUnsupported = new(401, "Jwt header [alg] is not supported");
    public static readonly TokenRefusal KeyIdNotText = new(401, "Jwt header [kid] field is not a string");
    public static readonly TokenRefusal CriticalUnsupported = new(401, "Jwt header [crit] is not supported");
    public static readonly TokenRefusal PayloadEncoding = new(401, "Jwt payload is an invalid Base64url encoded");
    public static readonly TokenRefusal PayloadJson = new(401, "Jwt payload is an invalid JSON");
    public static readonly TokenRefusal IssuerNotText = new(401, "Jwt payload [iss] field is not a string");
    public static readonly TokenRefusal SubjectNotText = new(401, "Jwt payload [sub] field is not a string");
    public static readonly TokenRefusal AudienceNotText = new(401, "Jwt payload [aud] field is not a string or string list");
    public static readonly TokenRefusal SignatureEncoding = new(401, "Jwt signature is an invalid Base64url encoded");
    public static readonly TokenRefusal UnknownIssuer = new(401, "Jwt issuer is not configured");
    public static readonly TokenRefusal NotYetValid = new(401, "Jwt not yet valid");
    public static readonly TokenRefusal Expired = new(401, "Jwt is expired");
    public static readonly TokenRefusal Audience = new(403, "Audiences in Jwt are not allowed");
    public static readonly TokenRefusal NoKey = new(401, "Jwks doesn't have key to match kid or alg from Jwt");
    public static readonly TokenRefusal Verification = new(401, "Jwt verification fails");
    public static readonly TokenRefusal KeysNotFetched = new(401, "Jwks remote fetch is failed");

    /// <summary>A date of the payload, <paramref name="claim"/>, that is none.</summary>
    public static TokenRefusal Date(string claim) => new(401, $"Jwt payload [{claim}] field is not a positive 64 bit integer");
}
