using Ztunnel.Resources;

namespace Ztunnel.Kubernetes.Tests.Source;

public sealed class PodMergeTests
{
    private static readonly Origin Place = new("pods", 0);

    private readonly PodMerge _merge = new();

    [Fact]
    public void A_pod_that_becomes_the_nodes_own_is_not_removed_by_the_others()
    {
        PodObject waiting = Pod("1", 1), own = Pod("1", 1, "node-a");
        Assert.Equal(new ResourceEvent.Put(waiting, Place), _merge.PutOther(waiting.Key, waiting, Place));
        Assert.Equal(own, _merge.PutOwn(own));
        Assert.Null(_merge.PutOther(own.Key, null, Place));
        Assert.Null(_merge.PutOther(own.Key, waiting, Place));
        Assert.Equal(waiting, _merge.RemoveOwn(own.Key));
    }

    [Fact]
    public void A_pod_that_comes_again_elsewhere_stays_when_the_own_one_ends()
    {
        PodObject old = Pod("1", 1, "node-a"), next = Pod("2", 2, "node-b");
        _merge.PutOwn(old);
        Assert.Equal(new ResourceEvent.Put(next, Place), _merge.PutOther(next.Key, next, Place));
        // What is still told of the old one is not to take the new one's place.
        Assert.Null(_merge.PutOwn(old with { ReadyCondition = false }));
        Assert.Equal(next, _merge.RemoveOwn(old.Key));
    }

    [Fact]
    public void What_the_own_side_tells_late_takes_nothing_away()
    {
        PodObject old = Pod("1", 1, "node-a"), next = Pod("2", 2, "node-b");
        _merge.PutOther(next.Key, next, Place);
        Assert.Null(_merge.PutOwn(old));
        Assert.Equal(next, _merge.RemoveOwn(old.Key));
        Assert.Equal(new ResourceEvent.Remove(next.Key), _merge.PutOther(next.Key, null, Place));
    }

    [Fact]
    public void An_own_pod_is_told_again_when_what_had_taken_its_place_goes()
    {
        PodObject old = Pod("1", 1, "node-a"), next = Pod("2", 2, "node-b");
        _merge.PutOwn(old);
        _merge.PutOther(next.Key, next, Place);
        Assert.Equal(new ResourceEvent.Put(old, Place), _merge.PutOther(next.Key, null, Place));
    }

    [Fact]
    public void A_pod_that_is_nowhere_is_gone()
    {
        PodObject own = Pod("1", 1, "node-a");
        _merge.PutOwn(own);
        Assert.Null(_merge.RemoveOwn(own.Key));
        Assert.Equal(new ResourceEvent.Remove(own.Key), _merge.PutOther(own.Key, null, Place));
    }

    private static PodObject Pod(string uid, int created, string node = "") => new()
    {
        Metadata = new ObjectMetadata { Name = "web", Namespace = "default", Uid = uid, Created = DateTimeOffset.UnixEpoch.AddSeconds(created) },
        NodeName = node,
    };
}
