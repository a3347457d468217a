namespace Ztunnel.Gateway.Tests;

public sealed class RequestTargetTests
{
    [Theory]
    [InlineData("/", "/", null)]
    [InlineData("/a/./b?x=1&y", "/a/b", "x=1&y")]
    [InlineData("/a?", "/a", "")]
    [InlineData("/a?b?c", "/a", "b?c")]
    [InlineData("/a#b", "/a", null)]
    [InlineData("http://host.example:80/a?b", "/a", "b")]
    [InlineData("http://host.example?b", "/", "b")]
    [InlineData("*", "*", null)]
    public void A_target_is_taken_apart(string raw, string path, string? query)
    {
        Assert.True(RequestTarget.TryRead(raw, out RequestTarget target));
        Assert.Equal((path, query), (target.Path.Text, target.Query));
    }

    [Theory]
    [InlineData("a")]
    [InlineData("://a")]
    [InlineData("/a b")]
    [InlineData("/a?b c")]
    [InlineData("/a?b HTTP/1.1")]
    [InlineData("/a?\t")]
    [InlineData("/a?\u007f")]
    [InlineData("/a?\u00e9")]
    [InlineData("/a?\u20ac")]
    [InlineData("/a?b\u00e9/../c")]
    [InlineData("/\u00e9")]
    [InlineData("http://h\u00e9/a")]
    public void What_a_request_line_cannot_say_is_refused(string raw) => Assert.False(RequestTarget.TryRead(raw, out _));
}
