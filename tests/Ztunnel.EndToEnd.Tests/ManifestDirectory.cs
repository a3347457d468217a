namespace Ztunnel.EndToEnd.Tests;

/// <summary>A temporary directory of manifests, written as an editor would: a new file renamed over the old one.</summary>
internal sealed class ManifestDirectory : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("ztunnel-manifests-").FullName;

    public void Write(string file, string yaml)
    {
        string temporary = System.IO.Path.Combine(Path, $".{file}.new");
        File.WriteAllText(temporary, yaml);
        File.Move(temporary, System.IO.Path.Combine(Path, file), overwrite: true);
    }

    public void Delete(string file) => File.Delete(System.IO.Path.Combine(Path, file));

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
