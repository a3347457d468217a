using System.Net;

namespace Ztunnel.Proxy.Tests;

public sealed class AuthorityTests
{
    [Theory]
    [InlineData("10.0.0.1:80", "10.0.0.1", 80)]
    [InlineData("[fd00::1]:8080", "fd00::1", 8080)]
    [InlineData("[::ffff:10.0.0.1]:65535", "10.0.0.1", 65535)]
    public void An_address_and_port_are_read(string authority, string address, int port)
    {
        Assert.True(Authority.TryParseAddress(authority, out IPEndPoint? read));
        Assert.Equal(new IPEndPoint(IPAddress.Parse(address), port), read);
    }

    [Theory]
    [InlineData("")]
    [InlineData(":80")]
    [InlineData("10.0.0.1")]
    [InlineData("10.0.0.1:")]
    [InlineData("10.0.0.1:0")]
    [InlineData("10.0.0.1:65536")]
    [InlineData("10.0.0.1:+80")]
    [InlineData("10.0.0.1:80 ")]
    [InlineData("[10.0.0.1]:80")]
    [InlineData("fd00::1:80")]
    [InlineData("[fd00::1]")]
    [InlineData("httpbin.default.svc.cluster.local:80")]
    public void Anything_else_is_refused(string authority) => Assert.False(Authority.TryParseAddress(authority, out _));
}
