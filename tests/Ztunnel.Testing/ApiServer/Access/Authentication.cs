using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Http;

namespace Ztunnel.Testing.Api;

/// <summary>Who asks: the holder of a bearer token or of a client certificate.</summary>
internal sealed class Authentication(ApiServerOptions options, Tokens tokens)
{
    /// <summary>The user of a request; throws 401 for a token nobody has.</summary>
    public ApiUser Of(HttpContext http)
    {
        string header = http.Request.Headers.Authorization.ToString();
        if (header.Length == 0)
            return http.Connection.ClientCertificate is { } certificate ? OfCertificate(certificate) : ApiUser.Anonymous;
        if (!header.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase))
            throw ApiFailure.Unauthorized();
        string token = header["Bearer ".Length..].Trim();
        if (OfTable(token) is { } user)
            return user;
        return tokens.Find(token) is { } account && account.Audiences.Contains(Tokens.ServerAudience)
            ? Tokens.UserOf(account)
            : throw ApiFailure.Unauthorized();
    }

    /// <summary>The user of the table with a token, or null.</summary>
    public ApiUser? OfTable(string token) =>
        options.Users.Prepend(ApiUser.Admin).FirstOrDefault(user => user.Token == token) is { } user ? Known(user) : null;

    // The name stands in CN and the groups in O.
    private static ApiUser OfCertificate(X509Certificate2 certificate)
    {
        List<string> groups = [];
        string name = "";
        foreach (X500RelativeDistinguishedName part in certificate.SubjectName.EnumerateRelativeDistinguishedNames())
        {
            if (part.GetSingleElementType().Value == "2.5.4.3")
                name = part.GetSingleElementValue() ?? "";
            else if (part.GetSingleElementType().Value == "2.5.4.10")
                groups.Add(part.GetSingleElementValue() ?? "");
        }

        return Known(new ApiUser(name) { Groups = [.. groups] });
    }

    private static ApiUser Known(ApiUser user) => user with { Groups = [.. user.Groups, "system:authenticated"] };
}
