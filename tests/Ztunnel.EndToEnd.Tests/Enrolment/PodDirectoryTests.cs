using Ztunnel.Mesh;
using Ztunnel.Testing;

namespace Ztunnel.EndToEnd.Tests.Enrolment;

/// <summary>Whose word counts about a pod that is being made: the model's, which may be behind, or the cluster's.</summary>
public sealed class PodDirectoryTests
{
    private static readonly StringMap Labelled = new([KeyValuePair.Create("istio.io/dataplane-mode", "ambient")]);

    private readonly MeshState _mesh = new();
    private readonly ManualTime _time = new();
    private AskedPod? _inCluster;
    private int _asked;

    private static Workload Pod(string enrolment, string @namespace = "shop") => new()
    {
        Uid = "uid",
        Name = "pod",
        Namespace = @namespace,
        ServiceAccount = "default",
        Identity = SpiffeId.Parse($"spiffe://cluster.local/ns/{@namespace}/sa/default"),
        Node = "node",
        Enrolment = Enum.Parse<Ztunnel.Mesh.Enrolment>(enrolment),
    };

    private Task<string?> FindKnown(string inModel, string @namespace = "shop")
    {
        _mesh.PutNamespace(@namespace, StringMap.Empty);
        _mesh.Put(Pod(inModel, @namespace));
        return Find(@namespace);
    }

    private async Task<string?> Find(string @namespace = "shop")
    {
        var directory = new PodDirectory("node", "istio-system", _mesh, (_, _, _) =>
        {
            _asked++;
            return Task.FromResult(_inCluster);
        }, _time);
        return (await directory.Find(@namespace, "pod", "uid", TestContext.Current.CancellationToken))?.Enrolment.ToString();
    }

    [Theory]
    [InlineData("NotLabelled")]
    [InlineData("OptedOut")]
    [InlineData("NotDiscovered")]
    public async Task That_a_pod_is_not_in_the_mesh_needs_the_clusters_word(string stale)
    {
        _inCluster = new AskedPod(Pod(stale), StringMap.Empty);
        Assert.Equal(stale, await FindKnown(stale));
        _inCluster = null;
        Assert.Null(await FindKnown(stale));
        Assert.Equal(2, _asked);
    }

    [Theory]
    [InlineData("Ambient", "shop")]
    [InlineData("ExcludedNamespace", "kube-system")]
    [InlineData("NotLabelled", "istio-system")]
    public async Task That_it_is_or_that_its_namespace_is_excluded_or_the_meshs_own_is_not_asked_about(string known, string @namespace)
    {
        Assert.Equal(known, await FindKnown(known, @namespace));
        Assert.Equal(0, _asked);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task One_that_is_in_the_mesh_by_labels_the_model_has_not_heard_of_waits_until_it_has(bool known)
    {
        _inCluster = new AskedPod(Pod("Ambient"), Labelled);
        _mesh.PutNamespace("shop", StringMap.Empty);
        if (known)
            _mesh.Put(Pod("NotLabelled"));
        Task<string?> finding = Find();
        Assert.False(await EndsAtNextLook(finding));

        _mesh.PutNamespace("shop", Labelled);
        if (known)
        {
            Assert.False(await EndsAtNextLook(finding));
            _mesh.Put(Pod("Ambient"));
        }

        Assert.True(await EndsAtNextLook(finding));
        Assert.Equal("Ambient", await finding);
    }

    [Fact]
    public async Task One_whose_labels_the_model_does_not_hear_of_does_not_start_yet()
    {
        _inCluster = new AskedPod(Pod("Ambient"), Labelled);
        Task<string?> finding = FindKnown("NotLabelled");
        _time.Advance(TimeSpan.FromSeconds(6));
        IOException behind = await Assert.ThrowsAsync<IOException>(() => finding);
        Assert.Contains("shop/pod", behind.Message, StringComparison.Ordinal);
    }

    /// <summary>Has the model looked at once more, and says whether that was the last time.</summary>
    private async Task<bool> EndsAtNextLook(Task finding)
    {
        int waited = _time.TimersArmed;
        _time.Advance(TimeSpan.FromMilliseconds(20));
        await Eventually.Holds(() => finding.IsCompleted || _time.TimersArmed > waited);
        return finding.IsCompleted;
    }
}
