namespace Ztunnel.Hbone;

/// <summary>One header field of a CONNECT or of its answer, other than the pseudo-header fields.</summary>
/// <param name="Name">The field's name, lower case (<c>baggage</c>, <c>traceparent</c>).</param>
/// <param name="Value">The field's value, ASCII.</param>
public readonly record struct TunnelHeader(string Name, string Value);
