namespace Ztunnel.Mesh.Tests;

/// <summary>What filters make of a request, and how a rule shares requests out.</summary>
public sealed class FilterTests
{
    [Theory]
    [InlineData("/foo", "/xyz", "/foo/bar", "/xyz/bar")]
    [InlineData("/foo", "/xyz/", "/foo/bar", "/xyz/bar")]
    [InlineData("/foo/", "/xyz", "/foo/bar", "/xyz/bar")]
    [InlineData("/foo/", "/xyz/", "/foo/bar", "/xyz/bar")]
    [InlineData("/foo", "/xyz", "/foo", "/xyz")]
    [InlineData("/foo", "/xyz", "/foo/", "/xyz/")]
    [InlineData("/foo", "", "/foo/bar", "/bar")]
    [InlineData("/foo", "", "/foo/", "/")]
    [InlineData("/foo", "", "/foo", "/")]
    [InlineData("/foo", "/", "/foo/bar", "/bar")]
    [InlineData("/foo", "/", "/foo/", "/")]
    [InlineData("/foo", "/", "/foo", "/")]
    [InlineData("/", "/xyz", "/foo", "/xyz/foo")]
    public void A_prefix_is_replaced(string match, string replacement, string path, string expected)
    {
        Assert.Equal(expected, new PathChange.Prefix(replacement).Apply(path, new PathMatch.Prefix(match)));
    }

    [Theory]
    // scheme and port of the filter, listener's port, what the location begins with
    [InlineData(null, null, 80, "http://example.org/path?a=1")]
    [InlineData(null, null, 8080, "http://example.org:8080/path?a=1")]
    [InlineData(null, 80, 8080, "http://example.org/path?a=1")]
    [InlineData(null, 8083, 80, "http://example.org:8083/path?a=1")]
    [InlineData("https", null, 8080, "https://example.org/path?a=1")]
    [InlineData("https", 443, 80, "https://example.org/path?a=1")]
    [InlineData("https", 80, 80, "https://example.org:80/path?a=1")]
    [InlineData("http", 443, 80, "http://example.org:443/path?a=1")]
    [InlineData("http", null, 8080, "http://example.org/path?a=1")]
    public void A_redirect_leads_to(string? scheme, int? port, int listenerPort, string expected)
    {
        var redirect = new HttpFilter.Redirect { Scheme = scheme, Port = (ushort?)port };

        Assert.Equal(expected, redirect.Location(Request("example.org", "/path", "a=1"), "http", (ushort)listenerPort, PathMatch.Everything));
    }

    [Fact]
    public void A_redirect_changes_host_and_path()
    {
        var redirect = new HttpFilter.Redirect { Hostname = "other.org", Path = new PathChange.Prefix("/new") };

        Assert.Equal("http://other.org/new/lemon", redirect.Location(Request("example.org", "/old/lemon", ""), "http", 80, new PathMatch.Prefix("/old")));
        Assert.Equal("https://other.org/all", (redirect with { Path = new PathChange.Full("/all") }).Location(Request("example.org", "/x", ""), "https", 443, PathMatch.Everything));
    }

    [Theory]
    [InlineData("https://www.foo.com", "https://www.foo.com", true)]
    [InlineData("https://www.foo.com", "https://www.foo.com:443", true)]
    [InlineData("https://www.foo.com:443", "https://www.foo.com", true)]
    [InlineData("https://www.foo.com", "https://www.foo.com:8443", false)]
    [InlineData("https://www.foo.com", "http://www.foo.com", false)]
    [InlineData("https://*.bar.com", "https://xpto.www.bar.com", true)]
    [InlineData("https://*.bar.com", "https://bar.com", false)]
    [InlineData("https://*.bar.com", "https://evil.org/.bar.com", false)]
    [InlineData("https://*.bar.com", "https://www.bar.com.evil.org", false)]
    [InlineData("*", "https://anything.org:1234", true)]
    public void An_origin_is_allowed(string allowed, string origin, bool expected)
    {
        Assert.Equal(expected, new CorsPolicy { AllowOrigins = [allowed] }.Allows(origin));
    }

    [Fact]
    public void Requests_are_shared_out_by_weight()
    {
        HttpRule rule = Rule(70, 30, 0);

        Assert.Equal(70, rule.Choose(0)?.Weight);
        Assert.Equal(70, rule.Choose(0.6999)?.Weight);
        Assert.Equal(30, rule.Choose(0.7001)?.Weight);
        Assert.Equal(30, rule.Choose(0.9999999)?.Weight);
        Assert.Null(Rule(0, 0).Choose(0.5));
        Assert.Null(Rule().Choose(0.5));
    }

    private static HttpRule Rule(params int[] weights) => new()
    {
        Route = new RouteName(RouteKind.Http, "default", "r"),
        Backends = [.. weights.Select(weight => new HttpBackend { Weight = weight })],
    };

    private static HttpRequestFacts Request(string host, string path, string query) => new() { Host = host, Method = "GET", Path = path, Query = query };
}
