namespace Ztunnel.Mesh.Tests;

public sealed class HttpPathTests
{
    [Theory]
    [InlineData("/", "/")]
    [InlineData("*", "*")]
    [InlineData("/a/b.txt", "/a/b.txt")]
    [InlineData("/.well-known/x", "/.well-known/x")]
    [InlineData("/a..b/c.", "/a..b/c.")]
    [InlineData("/...", "/...")]
    [InlineData("/%61%62%2D%7e%5F", "/ab-~_")]
    [InlineData("/some%2fdata/%61%62%63", "/some%2Fdata/abc")]
    [InlineData("/some\\data", "/some/data")]
    [InlineData("\\admin", "/admin")]
    [InlineData("/some//data///abc", "/some/data/abc")]
    [InlineData("/public/./data/abc/../xyz", "/public/data/xyz")]
    [InlineData("/a/b/..", "/a/")]
    [InlineData("/a/b/.", "/a/b/")]
    [InlineData("/a/", "/a/")]
    [InlineData("/../../a", "/a")]
    [InlineData("/%2e%2E/a/%2e/b", "/a/b")]
    [InlineData("/a/%2e%2e\\b", "/b")]
    [InlineData("/a%21%20b", "/a%21%20b")]
    [InlineData("/caf%c3%a9", "/caf%C3%A9")]
    [InlineData("/a;v=1/b", "/a;v=1/b")]
    public void A_path_is_normalised(string path, string normalized)
    {
        Assert.True(HttpPath.TryNormalize(path, out HttpPath result, out _));
        Assert.Equal(normalized, result.Text);
        Assert.True(HttpPath.TryNormalize(result.Text, out HttpPath again, out _));
        Assert.Equal(result.Text, again.Text);
    }

    [Theory]
    [InlineData("")]
    [InlineData("a")]
    [InlineData("/a b")]
    [InlineData("/a?b")]
    [InlineData("/a#b")]
    [InlineData("/\u00e9")]
    [InlineData("/a\u0001")]
    [InlineData("/a%")]
    [InlineData("/a%2")]
    [InlineData("/%zz")]
    [InlineData("/%u002f")]
    [InlineData("/%%32%66")]
    [InlineData("/a%00")]
    [InlineData("/a%2500")]
    [InlineData("/%c0%af")]
    [InlineData("/%C1%81")]
    [InlineData("/%e0%80%af")]
    [InlineData("/%f0%80%80%af")]
    [InlineData("/public/..;/admin")]
    [InlineData("/public/..%3b/admin")]
    [InlineData("/public/.;a=b/admin")]
    [InlineData("/%252525252525252561")]
    public void A_path_that_cannot_be_normalised_safely_is_refused(string path)
    {
        Assert.False(HttpPath.TryNormalize(path, out _, out string? fault));
        Assert.NotEmpty(fault);
    }

    [Theory]
    [InlineData("/a", "/a", "", "")]
    [InlineData("/a%21", "/a!", "", "")]
    [InlineData("/caf%C3%A9", "/caf\u00e9", "", "")]
    [InlineData("/caf%E9", "/caf%E9", "", "")]
    [InlineData("/a%2fb", "/a%2Fb", "/a/b", "")]
    [InlineData("/a%5cb", "/a%5Cb", "/a/b /a\\b", "")]
    [InlineData("/p/..%2fa", "/p/..%2Fa", "/p/../a /a", "")]
    [InlineData("/p/%252e%252e/a", "/p/%252e%252e/a", "/p/%2e%2e/a /p/../a /a", "")]
    [InlineData("/%2561", "/%2561", "/%61 /a", "")]
    [InlineData("/a;x=1", "/a;x=1", "", "/a")]
    [InlineData("/a%3bx/b;y", "/a;x/b;y", "", "/a%3Bx/b /a;x/b /a/b")]
    public void A_path_that_backends_may_read_differently_has_each_reading(string path, string kept, string decoded, string bare)
    {
        Assert.True(HttpPath.TryNormalize(path, out HttpPath result, out _));

        Assert.Equal((kept, decoded, bare), (result.Kept, string.Join(' ', result.Decoded), string.Join(' ', result.Bare)));
    }

    [Fact]
    public void A_plain_path_is_normalised_without_allocation()
    {
        HttpPath.TryNormalize("/api/v1/products/7/.hidden", out _, out _);

        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.True(HttpPath.TryNormalize("/api/v1/products/7/.hidden", out HttpPath path, out _));

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.Same("/api/v1/products/7/.hidden", path.Text);
    }

    [Theory]
    [InlineData("/a", "/a", true)]
    [InlineData("/a", "/a/", false)]
    [InlineData("/a", "/A", false)]
    [InlineData("/a*", "/ab/c", true)]
    [InlineData("*/info", "/x/info", true)]
    [InlineData("*", "/", true)]
    [InlineData("/a//b", "/a//b", true)]
    [InlineData("/a%21b", "/a!b", true)]
    [InlineData("/a!b", "/a%21b", true)]
    [InlineData("/caf\u00e9", "/caf%c3%a9", true)]
    [InlineData("/a%2fb", "/a%2Fb", true)]
    [InlineData("/a%2Ab", "/a*b", true)]
    [InlineData("/a%2A", "/abc", false)]
    [InlineData("/foo/{*}", "/foo/bar", true)]
    [InlineData("/foo/{*}", "/foo/bar/baz", false)]
    [InlineData("/foo/{*}", "/foo/", false)]
    [InlineData("/foo/{**}", "/foo/bar/baz", true)]
    [InlineData("/foo/{**}", "/foo/", true)]
    [InlineData("/foo/{**}", "/foo", false)]
    [InlineData("/foo/{**}/", "/foo/bar/", true)]
    [InlineData("/foo/{**}/", "/foo/bar/baz.txt", false)]
    [InlineData("/foo/{*}/bar/{**}", "/foo/buzz/bar/", true)]
    [InlineData("/foo/{*}/bar/{**}", "/foo/buzz/bar/baz/x", true)]
    [InlineData("/foo/{*}/bar/{**}", "/foo/buzz/baz/bar/", false)]
    [InlineData("/{*}/{*}", "/a/b", true)]
    [InlineData("/{*}/{*}", "/a", false)]
    [InlineData("/{*}", "/%61b", true)]
    public void A_pattern_matches(string pattern, string path, bool matches)
    {
        Assert.Null(PathPattern.Fault(pattern));
        Assert.True(HttpPath.TryNormalize(path, out HttpPath normalized, out _));

        Assert.Equal(matches, new PathPattern(pattern).Matches(normalized));
        Assert.Equal(pattern, new PathPattern(pattern).ToString());
    }

    [Theory]
    [InlineData("foo/{*}")]
    [InlineData("/foo/{*}.txt")]
    [InlineData("/foo/*/{*}")]
    [InlineData("/foo/{**}/{*}")]
    [InlineData("/foo/{**}/bar/{**}")]
    [InlineData("/foo/{x}/{*}")]
    public void A_template_that_cannot_be_meant_is_a_mistake(string pattern)
    {
        Assert.NotNull(PathPattern.Fault(pattern));
    }
}
