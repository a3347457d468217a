namespace Ztunnel.Mesh.Tests;

/// <summary>Which rule has a request (Gateway API, HTTPRouteRule and GRPCRouteRule matches).</summary>
public sealed class RouteTableTests
{
    [Theory]
    [InlineData("/abc", "/abc", true)]
    [InlineData("/abc", "/abc/", true)]
    [InlineData("/abc", "/abc/def", true)]
    [InlineData("/abc", "/abcd", false)]
    [InlineData("/abc", "/ABC", false)]
    [InlineData("/abc/", "/abc", true)]
    [InlineData("/abc/", "/abc/def", true)]
    [InlineData("/abc/", "/abcd", false)]
    [InlineData("/", "/", true)]
    [InlineData("/", "/anything", true)]
    [InlineData("=/one", "/one", true)]
    [InlineData("=/one", "/one/", false)]
    [InlineData("=/one", "/One", false)]
    [InlineData("=/one", "/one/example", false)]
    [InlineData("=/one/", "/one", false)]
    [InlineData("~/v[0-9]+/.*", "/v12/x", true)]
    [InlineData("~/v[0-9]+", "/v12/x", false)]
    [InlineData("~/a|/b", "/bc", false)]
    [InlineData("grpc:pkg.Echo/Say", "/pkg.Echo/Say", true)]
    [InlineData("grpc:pkg.Echo/Say", "/pkg.Echo/Shout", false)]
    [InlineData("grpc:pkg.Echo/", "/pkg.Echo/Shout", true)]
    [InlineData("grpc:pkg.Echo/", "/pkg.EchoTwo/Shout", false)]
    [InlineData("grpc:/Say", "/other/Say", true)]
    [InlineData("grpc:/Say", "/other/more/Say", false)]
    [InlineData("grpc:/", "/a/b", true)]
    [InlineData("grpc:/", "/a", false)]
    [InlineData("grpc:/", "/a/", false)]
    public void A_path_fits(string match, string path, bool fits)
    {
        Assert.Equal(fits ? "r" : null, Routes.Table($"r {match}").For($"GET a.io{path}"));
    }

    [Theory]
    // What is more specific about the path goes first, whatever else is asked for.
    [InlineData("GET a.io/match/exact", "/match GET h:a=1", "=/match/exact", 1)]
    [InlineData("GET a.io/match/prefix/one", "/match/", "/match/prefix/", 1)]
    [InlineData("GET a.io/match/prefix/one h:a=1", "/ h:a=1", "/match/prefix", 1)]
    [InlineData("GET a.io/path2/x h:version=two", "/path2", "/ GET h:version=two", 0)]
    [InlineData("GET a.io/v1", "~/v1", "/", 1)]
    // Then the method, then headers, then parameters.
    [InlineData("GET a.io/x?q=1 h:a=1", "/ h:a=1", "/ GET", 1)]
    [InlineData("GET a.io/x?q=1 h:a=1", "/ q:q=1", "/ h:a=1", 1)]
    [InlineData("GET a.io/x h:a=1 h:b=2", "/ h:a=1", "/ h:a=1 h:b=2", 1)]
    [InlineData("GET a.io/x?a=1&b=2", "/ q:a=1", "/ q:a=1 q:b=2", 1)]
    // What is left is the order of rules.
    [InlineData("GET a.io/x h:a=1 h:b=2", "/ h:a=1", "/ h:b=2", 0)]
    [InlineData("GET a.io/x", "/abc", "/abcd", null)]
    // gRPC: service, method, headers.
    [InlineData("POST a.io/s/m h:a=1", "grpc:s/ h:a=1", "grpc:s/m", 1)]
    [InlineData("POST a.io/s/method", "grpc:/method", "grpc:s/", 1)]
    [InlineData("POST a.io/s/m h:a=1", "grpc:s/m", "grpc:s/m h:a=1", 1)]
    public void The_more_specific_of_two_rules_has_the_request(string request, string first, string second, int? expected)
    {
        Assert.Equal(expected?.ToString(), Routes.Table($"0 {first}", $"1 {second}").For(request));
    }

    [Theory]
    [InlineData("GET a.b.io/x", "exact")]
    [InlineData("GET A.B.io/x", "exact")]
    [InlineData("GET c.b.io/x", "long")]
    [InlineData("GET d.c.b.io/x", "long")]
    [InlineData("GET b.io/x", "short")]
    [InlineData("GET io/x", "any")]
    [InlineData("GET a.b.com/x", "any")]
    [InlineData("GET .b.io/x", "short")]
    // Rules of less specific hosts have what those of more specific ones leave.
    [InlineData("GET a.b.io/other", "long-other")]
    [InlineData("GET a.b.io/nowhere", null)]
    public void The_more_specific_host_goes_before_everything_else(string request, string? expected)
    {
        HttpRouteTable table = Routes.Table(
            "any /x GET h:a=1", "any host=* /x", "short host=*.io =/x", "long host=*.b.io /x", "long-other host=*.b.io /other", "exact host=a.b.io /x");

        Assert.Equal(expected, table.For(request));
    }

    [Fact]
    public void Of_equal_rules_the_older_routes_counts_then_the_first_by_name_then_the_first_listed()
    {
        Assert.Equal("z/z", Routes.Table("a/a@2 /", "z/z@1 /").For("GET a.io/"));
        Assert.Equal("z/z", Routes.Table("a/a /", "z/z@1 /").For("GET a.io/"));
        Assert.Equal("a/z", Routes.Table("b/a@1 /", "a/z@1 /").For("GET a.io/"));
        Assert.Equal("a/a", Routes.Table("a/b@1 /", "a/a@1 /").For("GET a.io/"));
        HttpRouteMatch first = Routes.Parse("same /", 0), second = Routes.Parse("same /", 1);
        Assert.Same(first.Rule, new HttpRouteTable([second, first]).Matches[0].Rule);
    }

    [Theory]
    [InlineData("h:Version=one", "GET a.io/ h:version=one", true)]
    [InlineData("h:version=one", "GET a.io/ h:version=One", false)]
    [InlineData("h:version=one", "GET a.io/", false)]
    [InlineData("h:version=~o.e", "GET a.io/ h:version=one", true)]
    [InlineData("h:version=~o.", "GET a.io/ h:version=one", false)]
    [InlineData("q:animal=whale", "GET a.io/?animal=whale", true)]
    [InlineData("q:animal=whale", "GET a.io/?x=1&animal=whale&y", true)]
    [InlineData("q:animal=whale", "GET a.io/?Animal=whale", false)]
    [InlineData("q:animal=whale", "GET a.io/?animal=Whale", false)]
    [InlineData("q:animal=whale", "GET a.io/?animal=dolphin&animal=whale", false)]
    [InlineData("q:animal=whale", "GET a.io/?animal=wh%61le", true)]
    [InlineData("q:animal=", "GET a.io/?animal", true)]
    [InlineData("q:animal=whale", "GET a.io/", false)]
    [InlineData("POST", "POST a.io/", true)]
    [InlineData("POST", "GET a.io/", false)]
    [InlineData("GET", "HEAD a.io/", false)]
    public void All_conditions_of_a_match_have_to_hold(string match, string request, bool fits)
    {
        Assert.Equal(fits ? "r" : null, Routes.Table($"r {match}").For(request));
        Assert.Null(Routes.Table($"r {match} =/elsewhere").For(request));
    }

    [Fact]
    public void Looking_allocates_nothing()
    {
        HttpRouteTable table = Routes.Table([.. Enumerable.Range(0, 50).Select(i => $"r{i} host=*.h{i}.io /a/{i} GET q:a=1")]);
        string host = "www.h7.io", path = "/a/7/b", query = "b=2&a=1";

        Assert.NotNull(Look());
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 100; i++)
            Look();
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);

        HttpRouteMatch? Look() => table.Match(new HttpRequestFacts { Host = host, Method = "GET", Path = path, Query = query });
    }

    [Fact]
    public void Tables_that_hold_the_same_are_equal_in_whatever_order_it_came()
    {
        Assert.Equal(Routes.Table("a host=x.io ~/v. h:a=1"), Routes.Table("a host=X.io ~/v. h:a=1"));
        Assert.NotEqual(Routes.Table("a host=x.io /v"), Routes.Table("a host=x.io /w"));
        HttpRouteMatch[] both = [Routes.Parse("a /", 0), Routes.Parse("b =/", 0)];
        Assert.Equal(new HttpRouteTable(both), HttpRouteTable.Combine([new HttpRouteTable(both[1..]), new HttpRouteTable(both)]));
    }
}
