using System.Collections.Immutable;
using System.Text;
using Ztunnel.Lab;

namespace Ztunnel.Testing.Cluster;

/// <summary>
/// What a container sees for files: the machine's own below a layer of its own, so that nothing it writes stays, with volumes and
/// the like bound over it. Made by the container's first process in a mount namespace that ends with it.
/// </summary>
internal static class ContainerRoot
{
    /// <summary>Says which control group, then the layer, then the machine's mounts, then ours; then gives way to the program.</summary>
    private const string Enter = """
        set -e
        echo 0 > "$1"; layer=$2; work=$3; how=$4; shift 4
        [ -z "$HOSTNAME" ] || hostname "$HOSTNAME"
        mount -t tmpfs container "$layer"
        mkdir "$layer/upper" "$layer/work" "$layer/root"
        mount -t overlay container -o "lowerdir=/,upperdir=$layer/upper,workdir=$layer/work" "$layer/root"
        while [ "$1" != -- ]; do
          target="$layer/root$2"
          if [ -d "$1" ]; then
            mkdir -p "$target"
          else
            # A link would lead out of the layer.
            mkdir -p "${target%/*}"; rm -f "$target" 2> /dev/null || :; [ -e "$target" ] || : > "$target"
          fi
          mount --rbind "$1" "$target"
          shift 2
        done
        shift
        [ "$how" = rw ] || mount -o remount,ro "$layer/root"
        exec chroot "$layer/root" sh -c 'cd "$0" && exec "$@"' "$work" "$@"
        """;

    /// <summary>The command that runs <paramref name="command"/> in such a root.</summary>
    /// <param name="command">What to run.</param>
    /// <param name="processes">The <c>cgroup.procs</c> to be written to.</param>
    /// <param name="layer">An empty directory, which several may use at once.</param>
    /// <param name="mounts">Sources and where they are seen.</param>
    /// <param name="security">What the program may do.</param>
    /// <param name="ownMounts">Whether whoever starts it gives it a mount namespace already.</param>
    public static LabCommand Wrap(
        LabCommand command, string processes, string layer, IEnumerable<(string Source, string Target)> mounts,
        ContainerSecurity security, bool ownMounts)
    {
        ImmutableArray<string> arguments =
        [
            "-c", Enter, "container", processes, layer, command.WorkingDirectory ?? "/", security.ReadOnly ? "ro" : "rw",
            .. MachineMounts().Select(mount => (mount, mount)).Concat(mounts).SelectMany(mount => new[] { mount.Item1, Real(mount.Item2) }),
            "--", .. security.Wrapper, command.File, .. command.Arguments,
        ];
        return new LabCommand("unshare", ["--uts", .. ownMounts ? Array.Empty<string>() : ["--mount"], "--", "sh", .. arguments]) with
        {
            Environment = command.Environment,
            Input = command.Input,
            Timeout = command.Timeout,
        };
    }

    /// <summary>On most machines /var/run is a link to /run, which would lead out of the layer.</summary>
    private static string Real(string target) => target.StartsWith("/var/run/", StringComparison.Ordinal) ? target["/var".Length..] : target;

    /// <summary>
    /// The machine's outermost mounts but the root, which a layer over the root does not show, and but /run, of which each container
    /// has its own.
    /// </summary>
    private static IEnumerable<string> MachineMounts()
    {
        string last = "";
        foreach (string mount in File.ReadLines("/proc/self/mounts").Select(line => Unescape(line.Split(' ')[1])).Where(mount => mount != "/").Order(StringComparer.Ordinal))
        {
            if (mount == "/run" || mount.StartsWith("/run/", StringComparison.Ordinal)
                || (last.Length > 0 && (mount == last || mount.StartsWith(last + "/", StringComparison.Ordinal))))
            {
                continue;
            }

            last = mount;
            yield return mount;
        }
    }

    /// <summary>Blanks are written as \040 there.</summary>
    private static string Unescape(string text) => new StringBuilder(text).Replace("\\040", " ").ToString();
}
