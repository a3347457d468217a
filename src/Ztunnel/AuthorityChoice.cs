using Microsoft.Extensions.Logging;
using Ztunnel.Identity;

namespace Ztunnel;

/// <summary>Who signs this agent's certificates: one of three.</summary>
internal abstract record AuthorityChoice
{
    private AuthorityChoice()
    {
    }

    /// <summary>
    /// Opens it. Throws <see cref="CertificateFileException"/> for files that cannot be used.
    /// </summary>
    public abstract ICertificateAuthority Open(string trustDomain, ILoggerFactory loggers);

    /// <summary>A root of its own, which ends with the process.</summary>
    public sealed record Own : AuthorityChoice
    {
        public override ICertificateAuthority Open(string trustDomain, ILoggerFactory loggers) =>
            BuiltInCertificateAuthority.CreateInMemory(trustDomain);
    }

    /// <summary>The key in a directory.</summary>
    public sealed record Files(string Directory) : AuthorityChoice
    {
        public override ICertificateAuthority Open(string trustDomain, ILoggerFactory loggers) =>
            BuiltInCertificateAuthority.Load(Directory, logger: loggers.CreateLogger<BuiltInCertificateAuthority>());
    }

    /// <summary>The authority of a cluster.</summary>
    public sealed record Remote(RemoteAuthorityOptions Options) : AuthorityChoice
    {
        public override ICertificateAuthority Open(string trustDomain, ILoggerFactory loggers) =>
            RemoteCertificateAuthority.Open(Options, logger: loggers.CreateLogger<RemoteCertificateAuthority>());
    }
}
