using Ztunnel.IO;

namespace Ztunnel.Hbone.Pool;

/// <summary>A connection to open a tunnel on, at once, or why there is none.</summary>
internal readonly record struct PoolLease(PooledConnection? Connection, ChannelFailure? Failure);
