using Ztunnel.Hbone.Wire;

namespace Ztunnel.Hbone.Tests.Wire;

public sealed class HeaderRulesTests
{
    [Theory]
    [InlineData(true, ":method: CONNECT", ":authority: 10.0.0.1:80")]
    [InlineData(true, ":authority: [fd00::1]:80", ":method: CONNECT", "baggage: k=v", "te: trailers", "x-own: 1")]
    [InlineData(true, ":method: CONNECT", ":authority: Host.Example:80", "host: host.example:80")]
    [InlineData(false, ":method: GET", ":scheme: http", ":path: /", ":authority: a")]
    [InlineData(false, ":method: OPTIONS", ":path: *", ":scheme: http")]
    public void A_well_formed_request_is_told_from_a_connect(bool connect, params string[] fields)
    {
        Assert.Null(HeaderRules.CheckRequest(Fields.List(fields), out bool isConnect));
        Assert.Equal(connect, isConnect);
    }

    [Theory]
    [InlineData(nameof(Violations.ConnectAuthorityMissing), ":method: CONNECT")]
    [InlineData(nameof(Violations.ConnectAuthorityMissing), ":method: CONNECT", ":authority: ")]
    [InlineData(nameof(Violations.ConnectAuthorityMissing), ":method: CONNECT", "host: a:1")]
    [InlineData(nameof(Violations.ConnectSchemeOrPath), ":method: CONNECT", ":authority: a:1", ":scheme: http")]
    [InlineData(nameof(Violations.ConnectSchemeOrPath), ":method: CONNECT", ":path: /", ":authority: a:1")]
    [InlineData(nameof(Violations.PseudoHeaderLate), ":method: CONNECT", "x: 1", ":authority: a:1")]
    [InlineData(nameof(Violations.PseudoHeaderRepeated), ":method: CONNECT", ":authority: a:1", ":authority: a:1")]
    [InlineData(nameof(Violations.PseudoHeaderUnexpected), ":method: CONNECT", ":authority: a:1", ":status: 200")]
    [InlineData(nameof(Violations.PseudoHeaderUnexpected), ":method: CONNECT", ":authority: a:1", ":protocol: websocket")]
    [InlineData(nameof(Violations.PseudoHeaderUnexpected), ":method: CONNECT", ":authority: a:1", ":own: 1")]
    [InlineData(nameof(Violations.PseudoHeaderMissing), ":authority: a:1")]
    [InlineData(nameof(Violations.PseudoHeaderMissing), ":method: GET", ":scheme: http")]
    [InlineData(nameof(Violations.PseudoHeaderMissing), ":method: GET", ":path: /")]
    [InlineData(nameof(Violations.PseudoHeaderMissing), ":method: GET", ":path: ", ":scheme: http")]
    [InlineData(nameof(Violations.PseudoHeaderMissing), ":method: ", ":path: /", ":scheme: http")]
    [InlineData(nameof(Violations.HostDiffers), ":method: CONNECT", ":authority: a:1", "host: b:1")]
    public void A_request_with_the_wrong_pseudo_header_fields_is_malformed(string violation, params string[] fields) =>
        AssertMalformed(violation, HeaderRules.CheckRequest(Fields.List(fields), out _));

    [Theory]
    [InlineData(nameof(Violations.FieldNameInvalid), "Upper: 1")]
    [InlineData(nameof(Violations.FieldNameInvalid), "Baggage: 1")]
    [InlineData(nameof(Violations.FieldNameInvalid), "with space: 1")]
    [InlineData(nameof(Violations.FieldNameInvalid), "caf\u00e9: 1")]
    [InlineData(nameof(Violations.FieldNameInvalid), "nul\0: 1")]
    [InlineData(nameof(Violations.FieldValueInvalid), "x: a\rb")]
    [InlineData(nameof(Violations.FieldValueInvalid), "x: a\nb")]
    [InlineData(nameof(Violations.FieldValueInvalid), "baggage: a\0b")]
    [InlineData(nameof(Violations.FieldValueInvalid), "x:  a")]
    [InlineData(nameof(Violations.FieldValueInvalid), "x: a\t")]
    [InlineData(nameof(Violations.ConnectionSpecificField), "connection: close")]
    [InlineData(nameof(Violations.ConnectionSpecificField), "keep-alive: 5")]
    [InlineData(nameof(Violations.ConnectionSpecificField), "proxy-connection: keep-alive")]
    [InlineData(nameof(Violations.ConnectionSpecificField), "transfer-encoding: chunked")]
    [InlineData(nameof(Violations.ConnectionSpecificField), "upgrade: h2c")]
    [InlineData(nameof(Violations.ConnectionSpecificField), "te: gzip")]
    public void A_forbidden_field_is_malformed_wherever_it_comes(string violation, string field)
    {
        AssertMalformed(violation, HeaderRules.CheckRequest(Fields.List(":method: CONNECT", ":authority: a:1", field), out _));
        AssertMalformed(violation, HeaderRules.CheckResponse(Fields.List(":status: 200", field), out _));
    }

    [Fact]
    public void A_field_without_a_name_is_malformed()
    {
        HeaderList list = Fields.List(":status: 200");
        list.Add(new HeaderField(default(ReadOnlySpan<byte>), "x"u8));
        AssertMalformed(nameof(Violations.FieldNameInvalid), HeaderRules.CheckResponse(list, out _));
    }

    [Theory]
    [InlineData("200", 200)]
    [InlineData("100", 100)]
    [InlineData("503", 503)]
    [InlineData("599", 599)]
    public void A_response_has_one_status(string text, int status)
    {
        Assert.Null(HeaderRules.CheckResponse(Fields.List($":status: {text}", "server: x"), out int read));
        Assert.Equal(status, read);
    }

    [Theory]
    [InlineData(nameof(Violations.PseudoHeaderMissing), "server: x")]
    [InlineData(nameof(Violations.PseudoHeaderRepeated), ":status: 200", ":status: 200")]
    [InlineData(nameof(Violations.PseudoHeaderUnexpected), ":status: 200", ":authority: a")]
    [InlineData(nameof(Violations.PseudoHeaderLate), "server: x", ":status: 200")]
    [InlineData(nameof(Violations.StatusInvalid), ":status: ")]
    [InlineData(nameof(Violations.StatusInvalid), ":status: 20")]
    [InlineData(nameof(Violations.StatusInvalid), ":status: 2000")]
    [InlineData(nameof(Violations.StatusInvalid), ":status: 2x0")]
    [InlineData(nameof(Violations.StatusInvalid), ":status: 600")]
    [InlineData(nameof(Violations.StatusInvalid), ":status: 099")]
    [InlineData(nameof(Violations.StatusInvalid), ":status: 101")]
    public void A_response_without_one_proper_status_is_malformed(string violation, params string[] fields) =>
        AssertMalformed(violation, HeaderRules.CheckResponse(Fields.List(fields), out _));

    private static void AssertMalformed(string expected, Violation? found)
    {
        Assert.Same(typeof(Violations).GetProperty(expected)!.GetValue(null), found);
        Assert.Equal((ViolationScope.Stream, ErrorCode.ProtocolError), (found!.Scope, found.Code));
    }
}
