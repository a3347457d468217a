using System.Globalization;

namespace Ztunnel.EndToEnd.Tests;

/// <summary>
/// A request and what has to come of it, on one line: <c>METHOD host/path | header: value; ... -> pod; expectation; ...</c>.
/// In place of the pod that is to answer stands the status that is. The host may be left out. Expectations:
/// <c>path /p</c> and <c>host h</c>, which the pod got; <c>sees name: value</c> and <c>misses name</c>, of the request's headers at
/// the pod; <c>has name: value</c> and <c>lacks name</c>, of the answer's headers; <c>to url</c>, the location.
/// </summary>
internal sealed class Row
{
    private readonly string[] _expected;

    private Row(string text, string request, string expected)
    {
        Text = text;
        string[] parts = request.Split(" | ");
        string[] line = parts[0].Split(' ');
        int path = line[1].IndexOf('/', StringComparison.Ordinal);
        Method = line[0];
        Host = line[1][..path];
        Path = line[1][path..];
        Headers = parts.Length == 1 ? [] : [.. parts[1].Split("; ").Select(Header)];
        _expected = expected.Split("; ");
    }

    public string Text { get; }

    public string Method { get; }

    public string Host { get; }

    public string Path { get; }

    public (string Name, string Value)[] Headers { get; }

    public static IEnumerable<Row> Read(string rows) => rows.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
        .Select(line => line.Split(" -> ") is [var request, var expected] ? new Row(line, request, expected) : throw new FormatException(line));

    /// <summary>The request; without a host of its own it names <paramref name="address"/>, as the suite's do.</summary>
    public HttpRequestMessage Request(string scheme, string address, Version version)
    {
        var request = new HttpRequestMessage(new HttpMethod(Method), new Uri($"{scheme}://{address}{Path}", new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true }))
        {
            Version = version,
        };
        request.Headers.Host = Host.Length == 0 ? address : Host;
        foreach ((string name, string value) in Headers)
        {
            if (request.Headers.TryAddWithoutValidation(name, value))
                continue;
            request.Content ??= new ByteArrayContent([]);
            request.Content.Headers.TryAddWithoutValidation(name, value);
        }

        return request;
    }

    /// <summary>What is otherwise than expected; null when nothing is.</summary>
    public string? Fault(Exchange exchange)
    {
        string who = _expected[0];
        bool isStatus = int.TryParse(who, NumberStyles.None, CultureInfo.InvariantCulture, out int status);
        if (isStatus ? exchange.Status != status : exchange.Status != 200 || exchange.Pod != who)
            return $"{exchange.Status} of {exchange.Pod ?? "the gateway"}";
        if (!isStatus && !_expected.Any(expectation => expectation.StartsWith("path ", StringComparison.Ordinal)) && exchange.Target != Path)
            return $"the target became {exchange.Target}";
        return _expected.Skip(1).Select(expectation => Fault(exchange, expectation)).FirstOrDefault(fault => fault is not null);
    }

    private static string? Fault(Exchange exchange, string expectation)
    {
        int blank = expectation.IndexOf(' ', StringComparison.Ordinal);
        (string what, string rest) = (expectation[..blank], expectation[(blank + 1)..]);
        (string name, string value) = rest.Contains(": ", StringComparison.Ordinal) ? Header(rest) : (rest, "");
        (string? got, string? wanted) = what switch
        {
            "path" => (exchange.Target, rest),
            "host" => (exchange.Seen("host"), rest),
            "sees" => (exchange.Seen(name), value),
            "misses" => (exchange.Seen(name), null),
            "has" => (Answered(exchange, name), value),
            "lacks" => (Answered(exchange, name), null),
            "to" => (Answered(exchange, "location"), rest),
            _ => throw new FormatException(expectation),
        };
        return got == wanted ? null : $"{what} {name} is {got ?? "not there"}, expected {wanted ?? "nothing"}";
    }

    private static string? Answered(Exchange exchange, string name) =>
        exchange.Headers.GetValueOrDefault(name.ToLowerInvariant());

    private static (string Name, string Value) Header(string text)
    {
        int colon = text.IndexOf(": ", StringComparison.Ordinal);
        return (text[..colon], text[(colon + 2)..]);
    }
}
