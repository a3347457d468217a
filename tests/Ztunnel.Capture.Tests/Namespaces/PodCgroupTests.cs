namespace Ztunnel.Capture.Tests;

public sealed class PodCgroupTests
{
    private const string Uid = "2c48913c-1f5d-4dd8-8e1d-7d1f4ef5b6ad";
    private const string Id = "8f2d1b6cbb4e55b9f7f8e1e3c0a1d2b3c4d5e6f708192a3b4c5d6e7f8091a2b3";

    /// <summary>As kubelets and runtimes write them: the driver, the runtime, the version, and what is around the node.</summary>
    public static TheoryData<string> Lines =>
    [
        // v2, systemd's driver: containerd, CRI-O (and with crun's own group below), docker.
        $"0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod2c48913c_1f5d_4dd8_8e1d_7d1f4ef5b6ad.slice/cri-containerd-{Id}.scope",
        $"0::/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod2c48913c_1f5d_4dd8_8e1d_7d1f4ef5b6ad.slice/crio-{Id}.scope",
        $"0::/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod2c48913c_1f5d_4dd8_8e1d_7d1f4ef5b6ad.slice/crio-{Id}.scope/container",
        $"0::/kubepods.slice/kubepods-pod2c48913c_1f5d_4dd8_8e1d_7d1f4ef5b6ad.slice/docker-{Id}.scope",
        // v2, cgroupfs; a group that has been removed.
        $"0::/kubepods/burstable/pod{Uid}/{Id}",
        $"0::/kubepods/pod{Uid}/{Id} (deleted)",
        // v1: several hierarchies, of which some name nothing.
        $"12:pids:/kubepods/besteffort/pod{Uid}/{Id}\n11:cpu,cpuacct:/kubepods/besteffort/pod{Uid}/{Id}\n1:name=systemd:/kubepods/besteffort/pod{Uid}/{Id}\n0::/\n",
        $"5:devices:/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod2c48913c_1f5d_4dd8_8e1d_7d1f4ef5b6ad.slice/docker-{Id}.scope\n1:name=systemd:/system.slice/containerd.service\n",
        // containerd with another driver than the kubelet's: colons in the path.
        $"11:memory:/system.slice/containerd.service/kubepods-burstable-pod2c48913c_1f5d_4dd8_8e1d_7d1f4ef5b6ad.slice:cri-containerd:{Id}",
        // kind, from inside and from outside of the node's container, on both versions.
        $"0::/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice/kubelet-kubepods-besteffort-pod2c48913c_1f5d_4dd8_8e1d_7d1f4ef5b6ad.slice/cri-containerd-{Id}.scope",
        $"0::/system.slice/docker-{Id}.scope/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod2c48913c_1f5d_4dd8_8e1d_7d1f4ef5b6ad.slice/cri-containerd-{Id}.scope",
        $"11:cpuset:/docker/{Id}/kubelet/kubepods/besteffort/pod{Uid}/{Id}",
        // Seen by an agent with a cgroup namespace of its own.
        $"0::/../../kubepods-burstable-pod2c48913c_1f5d_4dd8_8e1d_7d1f4ef5b6ad.slice/cri-containerd-{Id}.scope",
        $"0::/../../pod{Uid}/{Id}",
    ];

    /// <summary>What looks a little like it.</summary>
    public static TheoryData<string> Others =>
    [
        "",
        "0::/",
        "0::/init.scope",
        "0::/system.slice/podman.service",
        $"0::/machine.slice/libpod-{Id}.scope/container",
        "0::/kubepods.slice/kubepods-burstable.slice",
        $"0::/kubepods/burstable/{Id}",
        $"0::/system.slice/docker-{Id}.scope",
        "0::/kubepods/pod2c48913c-1f5d-4dd8-8e1d-7d1f4ef5b6a/x",
        "0::/kubepods/pod2c48913c-1f5d-4dd8-8e1d-7d1f4ef5b6ad0/x",
        "0::/kubepods/pod2c48913c-1f5d_4dd8-8e1d-7d1f4ef5b6ad/x",
        "0::/kubepods/mypod2c48913c-1f5d-4dd8-8e1d-7d1f4ef5b6ad/x",
        $"pod{Uid}",
        $"0:pod{Uid}",
    ];

    [Theory]
    [MemberData(nameof(Lines))]
    public void The_pods_uid_is_read_from_its_control_group(string cgroups) => Assert.Equal(Uid, PodCgroup.PodOf(cgroups));

    [Theory]
    [MemberData(nameof(Others))]
    public void What_is_no_pods_control_group_names_none(string cgroups) => Assert.Null(PodCgroup.PodOf(cgroups));

    [Fact]
    public void A_static_pods_uid_has_no_punctuation() =>
        Assert.Equal(
            "0c1ba9a0f7a1b4d3e2f5a6c7d8e9f001",
            PodCgroup.PodOf($"0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod0c1ba9a0f7a1b4d3e2f5a6c7d8e9f001.slice/crio-{Id}.scope"));

    [Fact]
    public void A_group_that_a_container_made_below_its_own_names_no_other_pod() =>
        Assert.Equal(Uid, PodCgroup.PodOf($"0::/kubepods/pod{Uid}/{Id}/kubepods/pod11111111-2222-3333-4444-555555555555/{Id}"));

    [Fact]
    public void Hierarchies_that_contradict_each_other_name_none() =>
        Assert.Null(PodCgroup.PodOf($"2:pids:/kubepods/pod{Uid}/{Id}\n0::/kubepods/pod11111111-2222-3333-4444-555555555555/{Id}\n"));
}
