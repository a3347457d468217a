using Microsoft.Extensions.Logging;
using Ztunnel.Diagnostics;
using Ztunnel.Resources;

namespace Ztunnel;

/// <summary>
/// Takes the manifests into the model for as long as an agent lives. Should that break down, the agent goes on with what it
/// knows, and is not ready any more: it would serve routes and policies that nobody can change.
/// </summary>
internal sealed partial class ResourceFollower(Translator translator, Readiness readiness, ILogger logger)
{
    /// <summary>Follows a source until stopped. Throws what it breaks down by.</summary>
    public async Task Run(IResourceSource source, CancellationToken stop)
    {
        try
        {
            await translator.Run(source, stop);
        }
        catch (Exception e) when (!stop.IsCancellationRequested)
        {
            readiness.Fault = "manifests are not followed any more";
            LogBrokenDown(e);
            throw;
        }
    }

    [LoggerMessage(Level = LogLevel.Critical, Message = "manifests are not followed any more; what was read stays, and the agent is not ready")]
    private partial void LogBrokenDown(Exception error);
}
