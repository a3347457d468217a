using System.CommandLine;
using System.CommandLine.Parsing;
using System.Diagnostics.CodeAnalysis;
using Ztunnel.Identity;

namespace Ztunnel;

/// <summary>The flags that say who signs certificates.</summary>
internal sealed class AuthorityFlags
{
    // What Istio's ztunnel calls the same in CA_ROOT_CA.
    private const string SystemRoots = "SYSTEM";

    private readonly Option<DirectoryInfo?> _directory = new("--ca-directory")
    {
        Description = "Signing certificate in Istio's cacerts layout (ca-cert.pem, ca-key.pem, root-cert.pem, cert-chain.pem). "
            + "Agents that are to reach each other need the same root. Without this and --ca-address an agent makes a root of its own.",
    };

    private readonly Option<string?> _address = new("--ca-address")
    {
        Description = "HOST:PORT of the cluster's certificate authority, such as ztunnel-controller.istio-system.svc:15012, or istiod.",
    };

    private readonly Option<string> _root = new("--ca-root")
    {
        Description = "File of the mesh's roots, watched: they verify the authority and all peers. "
            + $"{SystemRoots} verifies the authority by the system's roots and takes the mesh's from its answers.",
        DefaultValueFactory = _ => RemoteAuthorityOptions.DefaultRootFile,
    };

    private readonly Option<string> _token = new("--ca-token")
    {
        Description = "File of the service account token for the authority (audience istio-ca), read for each certificate.",
        DefaultValueFactory = _ => RemoteAuthorityOptions.DefaultTokenFile,
    };

    private readonly Option<string> _cluster = new("--ca-cluster-id")
    {
        Description = "This cluster's name at the authority.",
        DefaultValueFactory = _ => "Kubernetes",
    };

    public AuthorityFlags() =>
        NameFlag.Demand(_address!, value => TryParseAddress(value, out _) ? null : "must be HOST:PORT or https://HOST:PORT");

    /// <summary>Gives a command these flags.</summary>
    public void AddTo(Command command)
    {
        foreach (Option flag in new Option[] { _directory, _address, _root, _token, _cluster })
            command.Add(flag);
        command.Validators.Add(Check);
    }

    /// <summary>What they were set to.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="impersonate">Whether certificates are for others than the token's own service account.</param>
    public AuthorityChoice Read(ParseResult parsed, bool impersonate)
    {
        if (parsed.GetValue(_directory) is { } directory)
            return new AuthorityChoice.Files(directory.FullName);
        if (parsed.GetValue(_address) is not { } address || !TryParseAddress(address, out Uri? server))
            return new AuthorityChoice.Own();
        string root = parsed.GetRequiredValue(_root);
        return new AuthorityChoice.Remote(new RemoteAuthorityOptions
        {
            Address = server,
            RootFile = root == SystemRoots ? null : root,
            TokenFile = parsed.GetRequiredValue(_token),
            ClusterId = parsed.GetRequiredValue(_cluster),
            Impersonate = impersonate,
        });
    }

    private void Check(CommandResult command)
    {
        bool hasAddress = command.GetResult(_address) is { Implicit: false };
        if (hasAddress && command.GetResult(_directory) is { Implicit: false })
            command.AddError("--ca-directory and --ca-address exclude each other: one of them signs");
        foreach (Option flag in new Option[] { _root, _token, _cluster })
        {
            if (!hasAddress && command.GetResult(flag) is { Implicit: false })
                command.AddError($"{flag.Name} is about the authority of --ca-address, which is not given");
        }
    }

    private static bool TryParseAddress(string text, [NotNullWhen(true)] out Uri? address) =>
        Uri.TryCreate(text.Contains("://", StringComparison.Ordinal) ? text : "https://" + text, UriKind.Absolute, out address)
        && address.Scheme == Uri.UriSchemeHttps
        && address.Host.Length > 0
        && address.PathAndQuery == "/"
        && address.UserInfo.Length == 0;
}
