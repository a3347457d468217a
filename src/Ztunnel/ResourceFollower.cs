using System.Runtime.CompilerServices;
using Microsoft.Extensions.Logging;
using Ztunnel.Diagnostics;
using Ztunnel.Resources;

namespace Ztunnel;

/// <summary>
/// Has the objects taken into the model for as long as an agent lives, and the agent's readiness say what that waits for. Should it
/// break down, the agent goes on with what it knows, and is not ready any more: it would serve routes and policies that nobody can
/// change.
/// </summary>
internal sealed partial class ResourceFollower(Readiness readiness, ILogger logger) : IAsyncDisposable
{
    private const string Part = "objects";

    private readonly CancellationTokenSource _stopping = new();

    /// <summary>Following, once it has begun; fails with what it breaks down by.</summary>
    public Task Following { get; private set; } = Task.CompletedTask;

    /// <summary>
    /// The same objects as of <paramref name="source"/>; as they pass, the readiness says, until all has been told, what keeps them
    /// from that, and later what the agent must not serve without.
    /// </summary>
    public IResourceSource Observing(IResourceSource source) => new Observed(source, readiness);

    /// <summary>
    /// Begins to follow, and returns when everything that there is is known. Throws what following breaks down by before that.
    /// </summary>
    /// <param name="follow">Takes what <see cref="Observing"/> tells into the model, until cancelled.</param>
    /// <param name="synced">Completes when everything is known.</param>
    /// <param name="stop">Ends the wait, not the following.</param>
    public async Task Start(Func<CancellationToken, Task> follow, Task synced, CancellationToken stop)
    {
        Following = Follow(follow);
        await Task.WhenAny(synced, Following).WaitAsync(stop);
        if (Following.IsCompleted)
            await Following;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await Following.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _stopping.Dispose();
    }

    private async Task Follow(Func<CancellationToken, Task> follow)
    {
        try
        {
            await follow(_stopping.Token);
        }
        catch (Exception e) when (!_stopping.IsCancellationRequested)
        {
            readiness.Note(Part, "objects are not followed any more");
            LogBrokenDown(e);
            throw;
        }
    }

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
            readiness.Note(Part, _synced ? Text([.. _faults.Values.Where(fault => fault.KeepsFromServing)]) : null);
        }

        private static string? Text(ResourceProblem[] faults) =>
            faults.Length == 0 ? null : $"{faults[0]}{(faults.Length > 1 ? $" (and {faults.Length - 1} more)" : "")}";
    }

    [LoggerMessage(Level = LogLevel.Critical, Message = "objects are not followed any more; what was read stays, and the agent is not ready")]
    private partial void LogBrokenDown(Exception error);
}
