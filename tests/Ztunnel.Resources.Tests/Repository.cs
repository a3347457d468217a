using System.Runtime.CompilerServices;

namespace Ztunnel.Resources.Tests;

/// <summary>Files of the repository that tests read.</summary>
internal static class Repository
{
    public static string Path(string relative, [CallerFilePath] string here = "") =>
        System.IO.Path.GetFullPath(System.IO.Path.Combine(System.IO.Path.GetDirectoryName(here)!, "../..", relative));
}
