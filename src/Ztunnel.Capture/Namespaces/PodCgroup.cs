namespace Ztunnel.Capture;

/// <summary>
/// Which pod a process belongs to, by the control groups that the kubelet and the container runtime have put it into. The name
/// of a pod's group ends in <c>pod</c> and the pod's uid, under cgroup v1 and v2 and with every runtime; systemd's driver has
/// <c>_</c> in the uid where the API has <c>-</c>, and a suffix behind it.
/// </summary>
internal static class PodCgroup
{
    private static readonly int[] Groups = [8, 4, 4, 4, 12];

    /// <summary>
    /// The uid of the pod that <c>/proc/PID/cgroup</c> names, as the API writes it; null when it names none, or different ones
    /// in different hierarchies. Of pods within pods it is the outer one: groups below its own a container may be able to make
    /// and to name, the one it is in it cannot leave.
    /// </summary>
    public static string? PodOf(ReadOnlySpan<char> cgroups)
    {
        ReadOnlySpan<char> found = default;
        foreach (Range line in cgroups.Split('\n'))
        {
            ReadOnlySpan<char> uid = OuterUid(PathOf(cgroups[line]));
            if (uid.IsEmpty)
                continue;
            if (!found.IsEmpty && !Same(found, uid))
                return null;
            found = uid;
        }

        return found.IsEmpty ? null : found.ToString().Replace('_', '-');
    }

    /// <summary>What stands behind the second colon; there may be colons in it.</summary>
    private static ReadOnlySpan<char> PathOf(ReadOnlySpan<char> line)
    {
        int first = line.IndexOf(':');
        int second = first < 0 ? -1 : line[(first + 1)..].IndexOf(':');
        return second < 0 ? default : line[(first + second + 2)..];
    }

    private static ReadOnlySpan<char> OuterUid(ReadOnlySpan<char> path)
    {
        foreach (Range component in path.Split('/'))
        {
            ReadOnlySpan<char> uid = UidIn(path[component]);
            if (!uid.IsEmpty)
                return uid;
        }

        return default;
    }

    private static ReadOnlySpan<char> UidIn(ReadOnlySpan<char> name)
    {
        const string Marker = "pod";
        for (int at = name.IndexOf(Marker); at >= 0;)
        {
            bool begins = at == 0 || !char.IsAsciiLetterOrDigit(name[at - 1]);
            ReadOnlySpan<char> rest = name[(at + Marker.Length)..];
            int length = begins ? UidLength(rest) : 0;
            if (length > 0 && (rest.Length == length || !char.IsAsciiLetterOrDigit(rest[length])))
                return rest[..length];
            int next = rest.IndexOf(Marker);
            at = next < 0 ? -1 : at + Marker.Length + next;
        }

        return default;
    }

    /// <summary>How long the uid is that <paramref name="text"/> begins with: groups of hexadecimal digits with one punctuation mark throughout, or none as with static pods.</summary>
    private static int UidLength(ReadOnlySpan<char> text)
    {
        if (text.Length <= Groups[0])
            return 0;
        char? mark = text[Groups[0]] is '-' or '_' ? text[Groups[0]] : null;
        int at = 0;
        for (int group = 0; group < Groups.Length; group++)
        {
            if (group > 0 && mark is { } expected)
            {
                if (at >= text.Length || text[at] != expected)
                    return 0;
                at++;
            }

            int end = at + Groups[group];
            if (text.Length < end)
                return 0;
            while (at < end)
            {
                if (!char.IsAsciiHexDigit(text[at++]))
                    return 0;
            }
        }

        return at;
    }

    private static bool Same(ReadOnlySpan<char> one, ReadOnlySpan<char> other)
    {
        if (one.Length != other.Length)
            return false;
        for (int index = 0; index < one.Length; index++)
        {
            if (one[index] != other[index] && !(one[index] is '-' or '_' && other[index] is '-' or '_'))
                return false;
        }

        return true;
    }
}
