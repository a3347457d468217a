using Ztunnel.Mesh;

namespace Ztunnel.EndToEnd.Tests.Enrolment;

public sealed class LabelSelectorTextTests
{
    private static readonly StringMap Labels = new([KeyValuePair.Create("istio-discovery", "enabled"), KeyValuePair.Create("example.com/tier", "b")]);

    [Theory]
    [InlineData("istio-discovery=enabled", true)]
    [InlineData("istio-discovery==enabled,example.com/tier", true)]
    [InlineData("istio-discovery=disabled", false)]
    [InlineData("istio-discovery!=enabled", false)]
    [InlineData("other!=x", true)]
    [InlineData("!other", true)]
    [InlineData("!istio-discovery", false)]
    [InlineData("other", false)]
    [InlineData("example.com/tier in (a, b), istio-discovery", true)]
    [InlineData("example.com/tier notin (a,b)", false)]
    public void A_selector_matches_as_kubectls_does(string text, bool matches) =>
        Assert.Equal(matches, LabelSelectorText.Parse(text, out _)!.Matches(Labels));

    [Theory]
    [InlineData("")]
    [InlineData("a=b,")]
    [InlineData("a = b c")]
    [InlineData("a in b")]
    [InlineData("=b")]
    public void What_is_none_says_so(string text)
    {
        Assert.Null(LabelSelectorText.Parse(text, out string? fault));
        Assert.NotNull(fault);
    }
}
