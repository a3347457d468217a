using System.Net;
using System.Text.Json;

namespace Ztunnel.Telemetry.Tests;

public sealed class AccessLogTests
{
    [Fact]
    public void A_finished_tunnel_is_one_line_in_the_shape_of_ztunnel()
    {
        string line = Assert.Single(Output.OfAccessLog(LogFormat.Text, log => log.Write(Records.Tunnelled())));

        Assert.Equal(
            "2026-03-01T12:00:00.123456Z\tinfo\taccess\tconnection complete\t"
            + "src.addr=10.1.0.2:40000 src.workload=\"curl\" src.namespace=\"default\" "
            + "src.identity=\"spiffe://cluster.local/ns/default/sa/curl\" "
            + "dst.addr=10.2.0.2:15008 dst.hbone_addr=10.2.0.2:80 dst.service=\"httpbin.web.svc.cluster.local\" "
            + "dst.workload=\"httpbin-7\" dst.namespace=\"web\" "
            + "dst.identity=\"spiffe://cluster.local/ns/web/sa/httpbin-7\" "
            + "direction=\"outbound\" bytes_sent=84 bytes_recv=358 duration=\"15ms\"",
            line);
    }

    [Fact]
    public void A_finished_tunnel_in_JSON_has_the_same_fields_in_the_same_order()
    {
        string line = Assert.Single(Output.OfAccessLog(LogFormat.Json, log => log.Write(Records.Tunnelled())));

        Assert.Equal(
            """
            {"level":"info","time":"2026-03-01T12:00:00.123456Z","scope":"access","message":"connection complete",
            "src.addr":"10.1.0.2:40000","src.workload":"curl","src.namespace":"default",
            "src.identity":"spiffe://cluster.local/ns/default/sa/curl",
            "dst.addr":"10.2.0.2:15008","dst.hbone_addr":"10.2.0.2:80","dst.service":"httpbin.web.svc.cluster.local",
            "dst.workload":"httpbin-7","dst.namespace":"web","dst.identity":"spiffe://cluster.local/ns/web/sa/httpbin-7",
            "direction":"outbound","bytes_sent":84,"bytes_recv":358,"duration":"15ms"}
            """.ReplaceLineEndings(""),
            line);
    }

    [Fact]
    public void What_is_not_known_is_left_out()
    {
        string line = Assert.Single(Output.OfAccessLog(LogFormat.Text, log => log.Write(Records.Plain())));

        Assert.EndsWith(
            "\tsrc.addr=10.1.0.2:40000 dst.addr=192.0.2.7:443 direction=\"outbound\" bytes_sent=0 bytes_recv=0 duration=\"0ms\"",
            line,
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_failed_connection_is_an_error_and_says_why()
    {
        ConnectionRecord record = Records.Plain();
        record.Error = "connection refused";

        string line = Assert.Single(Output.OfAccessLog(LogFormat.Text, log => log.Write(record)));

        Assert.Contains("\terror\taccess\tconnection complete\t", line);
        Assert.EndsWith(" error=\"connection refused\"", line, StringComparison.Ordinal);
    }

    [Fact]
    public void A_connection_turned_away_early_is_a_warning_without_counts()
    {
        var record = new ConnectionRecord
        {
            Direction = ConnectionDirection.Inbound,
            Source = IPEndPoint.Parse("10.1.0.2:40000"),
            Destination = IPEndPoint.Parse("10.2.0.2:15008"),
            RefusedEarly = true,
            Error = "no client certificate",
        };

        string line = Assert.Single(Output.OfAccessLog(LogFormat.Text, log => log.Write(record)));

        Assert.Equal(
            "2026-03-01T12:00:00.123456Z\twarn\taccess\tconnection failed\t"
            + "src.addr=10.1.0.2:40000 dst.addr=10.2.0.2:15008 direction=\"inbound\" error=\"no client certificate\"",
            line);
    }

    [Theory]
    [InlineData("[fd00::2]:80", "[fd00::2]:80")]
    [InlineData("[::ffff:10.2.0.2]:80", "10.2.0.2:80")]
    public void An_IPv6_address_stands_in_brackets_and_a_mapped_one_as_IPv4(string destination, string expected)
    {
        string line = Assert.Single(Output.OfAccessLog(LogFormat.Text, log => log.Write(Records.Plain(destination))));

        Assert.Contains($" dst.addr={expected} ", line);
    }

    [Theory]
    [InlineData("a\nfake line", "a\\nfake line")]
    [InlineData("a\r\tb", "a\\r\\tb")]
    [InlineData("say \"hi\" \\o/", "say \\\"hi\\\" \\\\o/")]
    [InlineData("\u001b[31mred", "\\u{1b}[31mred")]
    [InlineData("line\u2028separator", "line\\u{2028}separator")]
    [InlineData("bidi\u202Eover", "bidi\\u{202e}over")]
    [InlineData("grün 🙂", "grün 🙂")]
    public void A_value_cannot_leave_its_quotes_or_its_line(string value, string escaped)
    {
        ConnectionRecord record = Records.Plain();
        record.Error = value;

        string line = Assert.Single(Output.OfAccessLog(LogFormat.Text, log => log.Write(record)));

        Assert.EndsWith($" error=\"{escaped}\"", line, StringComparison.Ordinal);
    }

    [Fact]
    public void Half_a_surrogate_pair_becomes_the_replacement_character()
    {
        ConnectionRecord record = Records.Plain();
        record.Error = "half \ud800 pair";

        string line = Assert.Single(Output.OfAccessLog(LogFormat.Text, log => log.Write(record)));

        Assert.EndsWith(" error=\"half \ufffd pair\"", line, StringComparison.Ordinal);
    }

    [Fact]
    public void An_authority_that_is_no_address_is_quoted()
    {
        ConnectionRecord record = Records.Plain();
        record.HboneAddress = "10.2.0.2:80 direction=\"none\"\n";

        string line = Assert.Single(Output.OfAccessLog(LogFormat.Text, log => log.Write(record)));

        Assert.Contains(" dst.hbone_addr=\"10.2.0.2:80 direction=\\\"none\\\"\\n\" ", line);
    }

    [Fact]
    public void JSON_keeps_any_value_in_its_string()
    {
        const string Nasty = "a\"},\n{\"level\":\"\u001b grün";
        ConnectionRecord record = Records.Plain();
        record.Error = Nasty;

        string line = Assert.Single(Output.OfAccessLog(LogFormat.Json, log => log.Write(record)));

        using JsonDocument document = JsonDocument.Parse(line);
        Assert.Equal(Nasty, document.RootElement.GetProperty("error").GetString());
        Assert.Contains("grün", line);
    }

    [Fact]
    public void Switched_off_it_takes_records_and_writes_nothing()
    {
        Assert.False(AccessLog.Off.Enabled);
        AccessLog.Off.Write(Records.Plain());
    }
}
