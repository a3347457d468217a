namespace Ztunnel.Resources;

/// <summary>Makes a file's content what it says. <paramref name="source"/> names the file in problems.</summary>
internal delegate ManifestFile ManifestParser(string source, ReadOnlySpan<byte> content);
