namespace Ztunnel.Mesh.Tests;

public sealed class ServicePortTests
{
    [Theory]
    [InlineData("", null, ApplicationProtocol.Unknown)]
    [InlineData("http", null, ApplicationProtocol.Http1)]
    [InlineData("HTTP-web", null, ApplicationProtocol.Http1)]
    [InlineData("httpx", null, ApplicationProtocol.Unknown)]
    [InlineData("http2-web", null, ApplicationProtocol.Http2)]
    [InlineData("h2c", null, ApplicationProtocol.Http2)]
    [InlineData("grpc", null, ApplicationProtocol.Http2)]
    [InlineData("grpc-api", null, ApplicationProtocol.Http2)]
    [InlineData("grpc-web", null, ApplicationProtocol.Http1)]
    [InlineData("grpc-web-api", null, ApplicationProtocol.Http1)]
    [InlineData("grpc-webby", null, ApplicationProtocol.Http2)]
    [InlineData("https", null, ApplicationProtocol.Opaque)]
    [InlineData("tls-db", null, ApplicationProtocol.Opaque)]
    [InlineData("mysql", null, ApplicationProtocol.Opaque)]
    [InlineData("http", "tcp", ApplicationProtocol.Opaque)]
    [InlineData("tcp", "kubernetes.io/h2c", ApplicationProtocol.Http2)]
    [InlineData("tcp", "kubernetes.io/ws", ApplicationProtocol.WebSocket)]
    [InlineData("tcp", "kubernetes.io/wss", ApplicationProtocol.SecureWebSocket)]
    [InlineData("http", "example.com/mine", ApplicationProtocol.Unknown)]
    [InlineData("tcp", "http-web", ApplicationProtocol.Unknown)]
    public void A_port_says_what_is_spoken_on_it(string name, string? appProtocol, ApplicationProtocol spoken) =>
        Assert.Equal(spoken, new ServicePort(name, 80, 8080, appProtocol).Spoken);
}
