namespace Ztunnel.Hbone.Tests.Wire;

/// <summary>One example of RFC 7541 appendix C: a field block, what it decodes to, and the dynamic table after it, newest first.</summary>
public sealed record Rfc7541Example(string Section, string Hex, string[] Fields, string[] Table, int TableSize)
{
    /// <summary>The blocks of one connection, in order: appendix C.3 to C.6.</summary>
    public static IReadOnlyList<Rfc7541Example> Connection(string section) =>
        [.. All.Where(example => example.Section.StartsWith(section + ".", StringComparison.Ordinal))];

    /// <summary>Appendix C.2 to C.6.</summary>
    public static IReadOnlyList<Rfc7541Example> All { get; } =
    [
        new(
            "C.2.1",
            "400a637573746f6d2d6b65790d637573746f6d2d686561646572",
            ["custom-key: custom-header"],
            ["custom-key: custom-header"],
            55),
        new(
            "C.2.2",
            "040c2f73616d706c652f70617468",
            [":path: /sample/path"],
            [],
            0),
        new(
            "C.2.3",
            "100870617373776f726406736563726574",
            ["password: secret"],
            [],
            0),
        new(
            "C.2.4",
            "82",
            [":method: GET"],
            [],
            0),
        new(
            "C.3.1",
            "828684410f7777772e6578616d706c652e636f6d",
            [":method: GET", ":scheme: http", ":path: /", ":authority: www.example.com"],
            [":authority: www.example.com"],
            57),
        new(
            "C.3.2",
            "828684be58086e6f2d6361636865",
            [
                ":method: GET",
                ":scheme: http",
                ":path: /",
                ":authority: www.example.com",
                "cache-control: no-cache",
            ],
            ["cache-control: no-cache", ":authority: www.example.com"],
            110),
        new(
            "C.3.3",
            "828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565",
            [
                ":method: GET",
                ":scheme: https",
                ":path: /index.html",
                ":authority: www.example.com",
                "custom-key: custom-value",
            ],
            ["custom-key: custom-value", "cache-control: no-cache", ":authority: www.example.com"],
            164),
        new(
            "C.4.1",
            "828684418cf1e3c2e5f23a6ba0ab90f4ff",
            [":method: GET", ":scheme: http", ":path: /", ":authority: www.example.com"],
            [":authority: www.example.com"],
            57),
        new(
            "C.4.2",
            "828684be5886a8eb10649cbf",
            [
                ":method: GET",
                ":scheme: http",
                ":path: /",
                ":authority: www.example.com",
                "cache-control: no-cache",
            ],
            ["cache-control: no-cache", ":authority: www.example.com"],
            110),
        new(
            "C.4.3",
            "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf",
            [
                ":method: GET",
                ":scheme: https",
                ":path: /index.html",
                ":authority: www.example.com",
                "custom-key: custom-value",
            ],
            ["custom-key: custom-value", "cache-control: no-cache", ":authority: www.example.com"],
            164),
        new(
            "C.5.1",
            "4803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a323120474d546e1768"
                + "747470733a2f2f7777772e6578616d706c652e636f6d",
            [
                ":status: 302",
                "cache-control: private",
                "date: Mon, 21 Oct 2013 20:13:21 GMT",
                "location: https://www.example.com",
            ],
            [
                "location: https://www.example.com",
                "date: Mon, 21 Oct 2013 20:13:21 GMT",
                "cache-control: private",
                ":status: 302",
            ],
            222),
        new(
            "C.5.2",
            "4803333037c1c0bf",
            [
                ":status: 307",
                "cache-control: private",
                "date: Mon, 21 Oct 2013 20:13:21 GMT",
                "location: https://www.example.com",
            ],
            [
                ":status: 307",
                "location: https://www.example.com",
                "date: Mon, 21 Oct 2013 20:13:21 GMT",
                "cache-control: private",
            ],
            222),
        new(
            "C.5.3",
            "88c1611d4d6f6e2c203231204f637420323031332032303a31333a323220474d54c05a04677a69707738666f6f3d4153"
                + "444a4b48514b425a584f5157454f50495541585157454f49553b206d61782d6167653d333630303b2076657273696f6e"
                + "3d31",
            [
                ":status: 200",
                "cache-control: private",
                "date: Mon, 21 Oct 2013 20:13:22 GMT",
                "location: https://www.example.com",
                "content-encoding: gzip",
                "set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1",
            ],
            [
                "set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1",
                "content-encoding: gzip",
                "date: Mon, 21 Oct 2013 20:13:22 GMT",
            ],
            215),
        new(
            "C.6.1",
            "488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8"
                + "e9ae82ae43d3",
            [
                ":status: 302",
                "cache-control: private",
                "date: Mon, 21 Oct 2013 20:13:21 GMT",
                "location: https://www.example.com",
            ],
            [
                "location: https://www.example.com",
                "date: Mon, 21 Oct 2013 20:13:21 GMT",
                "cache-control: private",
                ":status: 302",
            ],
            222),
        new(
            "C.6.2",
            "4883640effc1c0bf",
            [
                ":status: 307",
                "cache-control: private",
                "date: Mon, 21 Oct 2013 20:13:21 GMT",
                "location: https://www.example.com",
            ],
            [
                ":status: 307",
                "location: https://www.example.com",
                "date: Mon, 21 Oct 2013 20:13:21 GMT",
                "cache-control: private",
            ],
            222),
        new(
            "C.6.3",
            "88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335dfdfcd5b"
                + "3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007",
            [
                ":status: 200",
                "cache-control: private",
                "date: Mon, 21 Oct 2013 20:13:22 GMT",
                "location: https://www.example.com",
                "content-encoding: gzip",
                "set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1",
            ],
            [
                "set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1",
                "content-encoding: gzip",
                "date: Mon, 21 Oct 2013 20:13:22 GMT",
            ],
            215),
    ];
}
