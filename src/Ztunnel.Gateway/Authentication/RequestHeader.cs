namespace Ztunnel.Gateway;

/// <summary>What becomes of a header of a request that is sent on: its new value, or null where it is removed.</summary>
internal sealed record RequestHeader(string Name, string? Value);
