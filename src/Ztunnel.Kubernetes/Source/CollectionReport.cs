using System.Collections.Immutable;
using Ztunnel.Resources;

namespace Ztunnel.Kubernetes;

/// <summary>The state of one collection, for the <see cref="ResourceEvent.Report"/> of it.</summary>
internal sealed class CollectionReport(string name)
{
    private readonly Dictionary<ObjectKey, ImmutableArray<ResourceProblem>> _problems = [];
    private readonly HashSet<ObjectKey> _told = [];
    private readonly HashSet<ObjectKey> _kept = [];
    private SourceReport? _last;

    /// <summary>What is wrong with the collection itself; null while nothing is.</summary>
    public ResourceProblem? Fault { get; set; }

    /// <summary>What is odd about it.</summary>
    public string? Remark { get; set; }

    /// <summary>Notes how an object was read; gives whether it is to be used in place of what there was.</summary>
    public bool Take(ObjectKey key, JsonReading reading)
    {
        if (reading.Problems.IsEmpty)
            _problems.Remove(key);
        else
            _problems[key] = reading.Problems;
        if (!reading.HasMistakes)
        {
            _kept.Remove(key);
            _told.Add(key);
            return true;
        }

        // The last good version stays. Where there was none something may stand in.
        if (_told.Contains(key))
            _kept.Add(key);
        return !_told.Contains(key) && reading.Object is not null;
    }

    /// <summary>Notes that an object is gone.</summary>
    public void Remove(ObjectKey key)
    {
        _problems.Remove(key);
        _kept.Remove(key);
        _told.Remove(key);
    }

    /// <summary>The report, where it says something else than the last one.</summary>
    public SourceReport? Next(int count)
    {
        IEnumerable<ResourceProblem> all = _problems.Values.SelectMany(problems => problems);
        if (Remark is not null)
            all = all.Prepend(new ResourceProblem { Source = name, Message = Remark, IsRemark = true });
        if (Fault is not null)
            all = all.Prepend(Fault);
        var report = new SourceReport { Name = name, ObjectCount = count, Kept = [.. _kept], Problems = [.. all] };
        if (report.Equals(_last))
            return null;
        return _last = report;
    }
}
