namespace Ztunnel.Mesh.Tests;

public sealed class EnrolmentRuleTests
{
    [Theory]
    // The pod's label, the namespace's, and who wins.
    [InlineData(null, null, Enrolment.NotLabelled)]
    [InlineData(null, "ambient", Enrolment.Ambient)]
    [InlineData(null, "none", Enrolment.NotLabelled)]
    [InlineData(null, "sidecar", Enrolment.NotLabelled)]
    [InlineData("ambient", null, Enrolment.Ambient)]
    [InlineData("ambient", "none", Enrolment.Ambient)]
    [InlineData("none", "ambient", Enrolment.OptedOut)]
    [InlineData("none", null, Enrolment.OptedOut)]
    [InlineData("", "ambient", Enrolment.Ambient)]
    [InlineData("other", "ambient", Enrolment.Ambient)]
    [InlineData("Ambient", null, Enrolment.NotLabelled)]
    public void A_pods_own_label_wins_over_its_namespaces(string? pod, string? @namespace, Enrolment expected)
    {
        Assert.Equal(expected, EnrolmentRule.Decide(new EnrolmentFacts { PodMode = pod, NamespaceMode = @namespace }));
    }

    [Fact]
    public void What_cannot_be_captured_stays_out_whatever_the_labels()
    {
        var labelled = new EnrolmentFacts { PodMode = "ambient", NamespaceMode = "ambient" };

        Assert.Equal(Enrolment.HostNetwork, EnrolmentRule.Decide(labelled with { HostNetwork = true }));
        Assert.Equal(Enrolment.Sidecar, EnrolmentRule.Decide(labelled with { HasSidecar = true }));
        Assert.Equal(Enrolment.Terminated, EnrolmentRule.Decide(labelled with { Terminated = true, HostNetwork = true }));
        Assert.Equal(Enrolment.ExcludedNamespace, EnrolmentRule.Decide(labelled with { NamespaceExcluded = true }));
    }
}
