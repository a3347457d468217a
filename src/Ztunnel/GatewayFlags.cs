using System.CommandLine;
using Ztunnel.Gateway;

namespace Ztunnel;

/// <summary>The flags of <c>ztunnel gateway</c> that say what clients may take of it.</summary>
internal sealed class GatewayFlags
{
    private const int Day = 86_400;

    private static readonly GatewayOptions Defaults = new();

    private readonly Option<int> _connections = NumberFlag.Create(
        "--max-connections", Defaults.Limits.Connections, 0, int.MaxValue, "Clients' connections at once, counted from accept; 0 for no limit.");

    private readonly Option<int> _streams = NumberFlag.Create(
        "--max-streams", Defaults.Limits.StreamsPerConnection, 1, 100_000, "Requests under way on one HTTP/2 connection.");

    private readonly Option<int> _headerBytes = NumberFlag.Create(
        "--max-header-bytes", Defaults.Limits.HeaderBytes, 1024, 16 * 1024 * 1024, "Bytes of a request's header fields together.");

    private readonly Option<int> _headers = NumberFlag.Create(
        "--max-headers", Defaults.Limits.HeaderCount, 10, 100_000, "Header fields of a request.");

    private readonly Option<int> _line = NumberFlag.Create(
        "--max-request-line-bytes", Defaults.Limits.RequestLineBytes, 256, 1024 * 1024, "Bytes of a request line.");

    private readonly Option<double> _handshake = Seconds("--handshake-timeout", Defaults.HandshakeTimeout, "Seconds a TLS handshake may take.");

    private readonly Option<double> _header = Seconds(
        "--header-timeout", Defaults.Limits.HeaderTimeout, "Seconds a request's header may take to arrive, from its first byte on.");

    private readonly Option<double> _idle = Seconds(
        "--idle-timeout", Defaults.Limits.IdleTimeout, "Seconds a connection may be open without a request, before the first and between two.");

    private readonly Option<double> _streamIdle = Seconds(
        "--stream-idle-timeout", Defaults.Limits.StreamIdleTimeout, "Seconds a request may go on without a byte in either direction.");

    private readonly Option<int> _bodyRate = NumberFlag.Create(
        "--min-body-rate", Defaults.Limits.BodyRate, 0, int.MaxValue, "Bytes a second the body of an HTTP/1.1 request has to come with, after 30 seconds; 0 for no limit.");

    /// <summary>Adds the flags to a command.</summary>
    public void AddTo(Command command)
    {
        foreach (Option flag in new Option[] { _connections, _streams, _headerBytes, _headers, _line, _handshake, _header, _idle, _streamIdle, _bodyRate })
            command.Add(flag);
    }

    /// <summary>What they were set to.</summary>
    public GatewayOptions Read(ParseResult parsed) => new()
    {
        HandshakeTimeout = TimeSpan.FromSeconds(parsed.GetRequiredValue(_handshake)),
        Limits = new HttpLimits
        {
            Connections = parsed.GetRequiredValue(_connections),
            StreamsPerConnection = parsed.GetRequiredValue(_streams),
            HeaderBytes = parsed.GetRequiredValue(_headerBytes),
            HeaderCount = parsed.GetRequiredValue(_headers),
            RequestLineBytes = parsed.GetRequiredValue(_line),
            HeaderTimeout = TimeSpan.FromSeconds(parsed.GetRequiredValue(_header)),
            IdleTimeout = TimeSpan.FromSeconds(parsed.GetRequiredValue(_idle)),
            StreamIdleTimeout = TimeSpan.FromSeconds(parsed.GetRequiredValue(_streamIdle)),
            BodyRate = parsed.GetRequiredValue(_bodyRate),
        },
    };

    private static Option<double> Seconds(string name, TimeSpan @default, string description) =>
        NumberFlag.Create(name, @default.TotalSeconds, min: 1, max: Day, description);
}
