namespace Ztunnel.Resources;

/// <summary>One document of a file: its content, nothing when it is empty, or what is wrong with it.</summary>
internal sealed record YamlDocument(YamlNode? Root, YamlFault? Fault);

/// <summary>Why a document is no YAML, and where.</summary>
internal sealed record YamlFault(int Line, int Column, string Message);
