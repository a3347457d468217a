namespace Ztunnel.Gateway;

/// <summary>
/// A connection that had been of use broke or ended before anything answered what was written last: its peer may have given it up
/// before that came.
/// </summary>
internal sealed class StaleConnectionException(IOException? cause) : IOException(cause?.Message ?? "the backend had ended the connection", cause);
