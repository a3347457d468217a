namespace Ztunnel.IO.Tests;

/// <summary>Tests that count or limit what belongs to the whole process run one at a time, with no others beside them.</summary>
[CollectionDefinition(nameof(Alone), DisableParallelization = true)]
public sealed class Alone;
