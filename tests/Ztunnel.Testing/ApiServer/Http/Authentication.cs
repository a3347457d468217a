using Microsoft.AspNetCore.Http;

namespace Ztunnel.Testing.Api;

/// <summary>Who asks: the holder of a bearer token.</summary>
internal sealed class Authentication(ApiServerOptions options)
{
    /// <summary>The user of a request; throws 401 for a token nobody has.</summary>
    public ApiUser Of(HttpContext http)
    {
        string header = http.Request.Headers.Authorization.ToString();
        if (header.Length == 0)
            return ApiUser.Anonymous;
        if (!header.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase))
            throw ApiFailure.Unauthorized();
        string token = header["Bearer ".Length..].Trim();
        return options.Users.Prepend(ApiUser.Admin).FirstOrDefault(user => user.Token == token) ?? throw ApiFailure.Unauthorized();
    }
}
