namespace Ztunnel.Testing;

/// <summary>Finds the checkout that the tests were built from.</summary>
public static class Repository
{
    /// <summary>The folder that holds the solution.</summary>
    public static string Root { get; } = Find();

    private static string Find()
    {
        for (DirectoryInfo? d = new(AppContext.BaseDirectory); d is not null; d = d.Parent)
        {
            if (File.Exists(Path.Combine(d.FullName, "Ztunnel.sln")))
                return d.FullName;
        }

        throw new InvalidOperationException($"No Ztunnel.sln above {AppContext.BaseDirectory}");
    }
}
