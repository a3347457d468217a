namespace Ztunnel.Identity;

/// <summary>How an authority stands, for the diagnostics. There is no key in it.</summary>
/// <param name="SignsUntil">When what it signs with ends; null where it does not say.</param>
/// <param name="Fault">Why it does not sign with what it was last given, in one line; null while nothing is wrong.</param>
public sealed record AuthorityStatus(DateTimeOffset? SignsUntil, string? Fault);
