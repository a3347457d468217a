using Ztunnel.IO;

namespace Ztunnel.Hbone;

/// <summary>The exchange that opens a tunnel, while it lasts: a client's wait for the answer, or a server's request in hand.</summary>
internal interface IOpening
{
    /// <summary>The stream broke before the answer.</summary>
    /// <param name="failure">Why.</param>
    /// <param name="processed">False if the peer certainly has not acted on the request.</param>
    void Broken(ChannelFailure failure, bool processed);
}
