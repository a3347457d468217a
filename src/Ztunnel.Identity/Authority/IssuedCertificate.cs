using System.Collections.Immutable;

namespace Ztunnel.Identity;

/// <summary>An authority's answer.</summary>
/// <param name="Chain">
/// The certificates to present, in DER: the leaf, then the intermediates up to the root, without the root.
/// </param>
public sealed record IssuedCertificate(ImmutableArray<ReadOnlyMemory<byte>> Chain);
