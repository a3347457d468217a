namespace Ztunnel.Identity;

/// <summary>What is wrong with a certificate or key file.</summary>
public enum CertificateFileProblem
{
    /// <summary>The file is not there.</summary>
    Missing,

    /// <summary>The file is there and cannot be read: permission, a directory, an I/O error.</summary>
    Unreadable,

    /// <summary>The file holds no PEM block of the kind it should.</summary>
    NotPem,

    /// <summary>A PEM block holds bytes that are no certificate or key.</summary>
    Malformed,

    /// <summary>The key is encrypted; there is nobody to ask for its passphrase.</summary>
    KeyEncrypted,

    /// <summary>The key is of a kind or size that is not used for signing here.</summary>
    KeyUnsupported,

    /// <summary>The key is not the one the certificate was made for.</summary>
    KeyMismatch,

    /// <summary>A certificate's validity has ended.</summary>
    Expired,

    /// <summary>A certificate's validity has not begun.</summary>
    NotYetValid,

    /// <summary>A certificate that must be allowed to sign others is not.</summary>
    NotAuthority,

    /// <summary>The signing certificate does not lead to a root of the root file.</summary>
    ChainBroken,
}

/// <summary>A certificate or key file that cannot be used. The message names the file and never quotes its content.</summary>
/// <param name="file">The file's path as it was configured.</param>
/// <param name="problem">The class of problem.</param>
/// <param name="detail">One line for a person.</param>
public sealed class CertificateFileException(string file, CertificateFileProblem problem, string detail)
    : IOException($"{file}: {detail}")
{
    /// <summary>The file's path as it was configured.</summary>
    public string File { get; } = file;

    /// <summary>The class of problem.</summary>
    public CertificateFileProblem Problem { get; } = problem;
}
