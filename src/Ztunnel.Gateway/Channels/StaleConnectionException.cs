using Ztunnel.IO;

namespace Ztunnel.Gateway;

/// <summary>
/// A connection that had been of use broke before anything answered what was written last: its peer may have given it up before
/// that came.
/// </summary>
internal sealed class StaleConnectionException(ChannelFailure failure) : IOException(failure.Detail);
