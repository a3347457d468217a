using System.CommandLine;
using Ztunnel.Resources;

namespace Ztunnel;

/// <summary>The flags that say where the Kubernetes objects come from.</summary>
internal sealed class SourceFlags
{
    private readonly Option<DirectoryInfo> _manifests = new("--manifests") { Description = "Directory of Kubernetes YAML, watched.", Required = true };

    public SourceFlags() => _manifests.Validators.Add(static result =>
    {
        if (result.GetValueOrDefault<DirectoryInfo>() is { Exists: false } directory)
            result.AddError($"--manifests: {directory.FullName} is not a directory");
    });

    /// <summary>Gives a command these flags.</summary>
    public void AddTo(Command command) => command.Add(_manifests);

    /// <summary>The source that the flags name; it is not read yet.</summary>
    public IResourceSource Read(ParseResult parsed) => new DirectorySource(parsed.GetRequiredValue(_manifests).FullName);
}
