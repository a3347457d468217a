namespace Ztunnel.Resources.Tests;

/// <summary>A directory of its own for a test, gone with it.</summary>
internal sealed class TemporaryDirectory : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("ztunnel-manifests-").FullName;

    public string File(string name) => System.IO.Path.Combine(Path, name);

    /// <summary>Writes in place, as <c>cat &gt;</c> does.</summary>
    public void Write(string name, string text) => System.IO.File.WriteAllText(File(name), text);

    /// <summary>Writes beside and renames, as editors do.</summary>
    public void Replace(string name, string text)
    {
        Write(".new", text);
        System.IO.File.Move(File(".new"), File(name), overwrite: true);
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
