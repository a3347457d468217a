namespace Ztunnel.Gateway;

/// <summary>A connection was not made, as too many requests wait for one.</summary>
internal sealed class PoolOverflowException() : IOException("too many requests wait for a connection");
