using System.Text.Json;
using Ztunnel.Mesh;

namespace Ztunnel.Resources;

/// <summary>Reads the body of a RequestAuthentication by the rules of Istio's own validation.</summary>
internal static class RequestAuthenticationReader
{
    public static RequestAuthenticationObject Read(ObjectMetadata metadata, Field root)
    {
        Field spec = root["spec"];
        return new RequestAuthenticationObject
        {
            Metadata = metadata,
            Selector = PolicySelector.Read(spec),
            Targets = PolicyTargets.Read(metadata, spec),
            Rules = [.. spec["jwtRules"].Items().Select(ReadRule)],
        };
    }

    private static JwtRuleSpec ReadRule(Field rule)
    {
        // The API has the address under two names.
        Field address = rule["jwksUri"].Present ? rule["jwksUri"] : rule["jwks_uri"];
        if (rule["jwks"].Present && address.Present)
            address.Problem("may not stand beside jwks");
        return new JwtRuleSpec
        {
            Issuer = rule["issuer"].RequiredText() ?? "",
            Audiences = Texts(rule["audiences"]),
            Jwks = rule["jwks"].Text(KeySetFault),
            JwksUri = address.Text(AddressFault) is { } uri ? new Uri(uri) : null,
            Timeout = rule["timeout"].Text(text => Duration(text) is null ? "must be a time such as 5s" : null) is { } timeout ? Duration(timeout) : null,
            FromHeaders = [.. rule["fromHeaders"].Items().Select(header => new JwtHeader(header["name"].RequiredText(HeaderFault) ?? "", header["prefix"].Text() ?? ""))],
            FromParams = Texts(rule["fromParams"]),
            FromCookies = Texts(rule["fromCookies"]),
            OutputPayloadToHeader = rule["outputPayloadToHeader"].Text(HeaderFault),
            OutputClaimToHeaders =
            [
                .. rule["outputClaimToHeaders"].Items()
                    .Select(output => new JwtClaimHeader(output["header"].RequiredText(HeaderFault) ?? "", output["claim"].RequiredText() ?? "")),
            ],
            ForwardOriginalToken = rule["forwardOriginalToken"].Flag() ?? false,
            SpaceDelimitedClaims = Texts(rule["spaceDelimitedClaims"]),
        };
    }

    private static ValueArray<string> Texts(Field list) => [.. list.Items().Select(item => item.RequiredText()).OfType<string>()];

    private static string? AddressFault(string text) =>
        Uri.TryCreate(text, UriKind.Absolute, out Uri? uri) && (uri.Scheme == Uri.UriSchemeHttps || uri.Scheme == Uri.UriSchemeHttp)
            ? null
            : "must be an http or https address";

    private static string? HeaderFault(string name) =>
        name.Length > 0 && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.') ? null : "must be the name of a header";

    private static string? KeySetFault(string text)
    {
        try
        {
            using var json = JsonDocument.Parse(text);
            bool sound = json.RootElement.ValueKind == JsonValueKind.Object
                && json.RootElement.TryGetProperty("keys", out JsonElement keys)
                && keys.ValueKind == JsonValueKind.Array;
            return sound ? null : "must be a JSON Web Key Set: an object with a list of keys";
        }
        catch (JsonException)
        {
            return "must be a JSON Web Key Set: is not JSON";
        }
    }

    private static TimeSpan? Duration(string text) =>
        IstioDuration.TryParse(text) is { } duration && duration > TimeSpan.Zero && duration <= TimeSpan.FromHours(1) ? duration : null;
}
