using System.Globalization;
using System.Security.Cryptography;
using Ztunnel.Mesh;

namespace Ztunnel.Gateway;

/// <summary>What a request is told apart by, where those that are alike go to one endpoint.</summary>
internal static class RequestHash
{
    /// <summary>The hash; null where the request has nothing to be told by. A client may be given a cookie for it.</summary>
    public static ulong? Of(HashKey key, Exchange exchange)
    {
        switch (key)
        {
            case HashKey.Header header:
                string value = exchange.Http.Request.Headers[header.Name].ToString();
                return value.Length == 0 ? null : StableHash.Of(value);
            case HashKey.QueryParameter parameter:
                return RequestQuery.TryGet(exchange.Query, parameter.Name, out ReadOnlySpan<char> text) ? StableHash.Of(text) : null;
            case HashKey.SourceIp:
                return NetworkAddress.From(exchange.Entry.Client.Address).Hash;
            case HashKey.Cookie cookie:
                return OfCookie(cookie, exchange);
            default:
                throw new InvalidOperationException($"No meaning for the key {key.GetType().Name}.");
        }
    }

    private static ulong? OfCookie(HashKey.Cookie cookie, Exchange exchange)
    {
        if (exchange.Http.Request.Cookies.TryGetValue(cookie.Name, out string? known) && known.Length > 0)
            return StableHash.Of(known);
        if (cookie.Lifetime is not { } lifetime)
            return null;
        string made = RandomNumberGenerator.GetHexString(16, lowercase: true);
        string age = lifetime > TimeSpan.Zero ? string.Create(CultureInfo.InvariantCulture, $"; Max-Age={(long)lifetime.TotalSeconds}") : "";
        string path = cookie.Path is null ? "" : $"; Path={cookie.Path}";
        exchange.ChangeResponse(new HeaderChange { Add = [new HeaderValue("set-cookie", $"{cookie.Name}={made}{age}{path}; HttpOnly")] });
        return StableHash.Of(made);
    }
}
