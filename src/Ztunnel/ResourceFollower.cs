using System.Runtime.CompilerServices;
using Microsoft.Extensions.Logging;
using Ztunnel.Diagnostics;
using Ztunnel.Resources;

namespace Ztunnel;

/// <summary>
/// Takes the objects into the model for as long as an agent lives. Should that break down, the agent goes on with what it
/// knows, and is not ready any more: it would serve routes and policies that nobody can change.
/// </summary>
internal sealed partial class ResourceFollower(Translator translator, Readiness readiness, ILogger logger)
{
    /// <summary>Follows a source until stopped. Throws what it breaks down by.</summary>
    public async Task Run(IResourceSource source, CancellationToken stop)
    {
        try
        {
            await translator.Run(new Observed(source, readiness), stop);
        }
        catch (Exception e) when (!stop.IsCancellationRequested)
        {
            readiness.Fault = "objects are not followed any more";
            LogBrokenDown(e);
            throw;
        }
    }

    /// <summary>
    /// A source of which the readiness says, until all has been told, what keeps it from that, and later what the agent must
    /// not serve without.
    /// </summary>
    private sealed class Observed(IResourceSource source, Readiness readiness) : IResourceSource
    {
        private readonly SortedDictionary<string, ResourceProblem> _faults = new(StringComparer.Ordinal);
        private bool _synced;

        public async IAsyncEnumerable<ResourceEvent> Watch([EnumeratorCancellation] CancellationToken cancellationToken)
        {
            await foreach (ResourceEvent told in source.Watch(cancellationToken))
            {
                _synced |= told is ResourceEvent.Synced;
                if (told is ResourceEvent.Report report)
                    Note(report.Source);
                if (told is ResourceEvent.Report or ResourceEvent.Synced)
                    Say();
                yield return told;
            }
        }

        private void Note(SourceReport report)
        {
            // What is wrong with single objects keeps nobody waiting.
            if (report.Problems.FirstOrDefault(problem => problem is { Object: null, IsRemark: false }) is { } fault)
                _faults[report.Name] = fault;
            else
                _faults.Remove(report.Name);
        }

        private void Say()
        {
            readiness.WaitsFor = _synced ? null : Text([.. _faults.Values]);
            readiness.Fault = _synced ? Text([.. _faults.Values.Where(fault => fault.KeepsFromServing)]) : null;
        }

        private static string? Text(ResourceProblem[] faults) =>
            faults.Length == 0 ? null : $"{faults[0]}{(faults.Length > 1 ? $" (and {faults.Length - 1} more)" : "")}";
    }

    [LoggerMessage(Level = LogLevel.Critical, Message = "objects are not followed any more; what was read stays, and the agent is not ready")]
    private partial void LogBrokenDown(Exception error);
}
