using System.Threading.Tasks.Sources;

namespace Ztunnel.IO;

/// <summary>
/// Those who gave up their turn. One source serves every yield of a loop: a yield is never complete before its awaiter is
/// run, so nothing needs to be kept for it but the continuation.
/// </summary>
internal sealed class YieldQueue : IValueTaskSource
{
    private List<WorkItem> _waiting = [];
    private List<WorkItem> _spare = [];

    public bool Any => _waiting.Count > 0;

    public void Add(WorkItem item) => _waiting.Add(item);

    /// <summary>Those waiting now; the caller clears the list after running them. Who yields meanwhile is in the next round.</summary>
    public List<WorkItem> TakeRound()
    {
        (_waiting, _spare) = (_spare, _waiting);
        return _spare;
    }

    public ValueTaskSourceStatus GetStatus(short token) => ValueTaskSourceStatus.Pending;

    public void OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        Add(new WorkItem(continuation, state));

    public void GetResult(short token)
    {
    }
}
