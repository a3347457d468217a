using System.Collections.Immutable;
using Ztunnel.Resources;

namespace Ztunnel.Kubernetes;

/// <summary>
/// The state of one collection, for the <see cref="ResourceEvent.Report"/> of it: told at most once a second, as thousands of objects
/// may have the same mistake; but what is wrong with the collection itself at once.
/// </summary>
internal sealed class CollectionReport(string name, TimeProvider time)
{
    /// <summary>How many objects' problems are listed; the others are counted.</summary>
    public const int MostListed = 100;

    private static readonly TimeSpan Between = TimeSpan.FromSeconds(1);

    private readonly Dictionary<ObjectKey, ImmutableArray<ResourceProblem>> _problems = [];
    private readonly HashSet<ObjectKey> _told = [];
    private readonly HashSet<ObjectKey> _kept = [];
    private int _problemCount;
    private SourceReport? _last;
    private long _lastAt;
    private bool _changed;
    private bool _urgent;

    /// <summary>What is wrong with the collection itself; null while nothing is.</summary>
    public ResourceProblem? Fault
    {
        get;
        set
        {
            if (field == value)
                return;
            field = value;
            _changed = _urgent = true;
        }
    }

    /// <summary>What is odd about it.</summary>
    public string? Remark
    {
        get;
        set
        {
            _changed |= field != value;
            field = value;
        }
    }

    /// <summary>Notes how an object was read; gives whether it is to be used in place of what there was.</summary>
    public bool Take(ObjectKey key, JsonReading reading)
    {
        Put(key, reading.Problems);
        if (!reading.HasMistakes)
        {
            _changed |= _kept.Remove(key);
            _told.Add(key);
            return true;
        }

        // The last good version stays. Where there was none something may stand in.
        if (_told.Contains(key))
            _changed |= _kept.Add(key);
        return !_told.Contains(key) && reading.Object is not null;
    }

    /// <summary>Notes that an object is gone.</summary>
    public void Remove(ObjectKey key)
    {
        Put(key, []);
        _changed |= _kept.Remove(key);
        _told.Remove(key);
    }

    /// <summary>How long it is until there is something to be told; null while there is nothing new.</summary>
    public TimeSpan? Due(int count)
    {
        if (_last is null || _urgent)
            return TimeSpan.Zero;
        if (!_changed && _last.ObjectCount == count)
            return null;
        TimeSpan wait = Between - time.GetElapsedTime(_lastAt);
        return wait > TimeSpan.Zero ? wait : TimeSpan.Zero;
    }

    /// <summary>The report, where it says something else than the last one.</summary>
    public SourceReport? Next(int count)
    {
        (_changed, _urgent) = (false, false);
        int unlisted = _problemCount;
        var problems = ImmutableArray.CreateBuilder<ResourceProblem>();
        if (Fault is not null)
            problems.Add(Fault);
        if (Remark is not null)
            problems.Add(new ResourceProblem { Source = name, Message = Remark, IsRemark = true });
        foreach (ImmutableArray<ResourceProblem> found in _problems.Values.Take(MostListed))
        {
            problems.AddRange(found);
            unlisted -= found.Length;
        }

        if (unlisted > 0)
            problems.Add(new ResourceProblem { Source = name, Message = $"{unlisted} more problems, with {_problems.Count - MostListed} objects, are not listed", IsRemark = true });
        var report = new SourceReport { Name = name, ObjectCount = count, Kept = [.. _kept], Problems = problems.DrainToImmutable() };
        if (report.Equals(_last))
            return null;
        _lastAt = time.GetTimestamp();
        return _last = report;
    }

    private void Put(ObjectKey key, ImmutableArray<ResourceProblem> problems)
    {
        ImmutableArray<ResourceProblem> before = _problems.GetValueOrDefault(key, []);
        if (before.AsSpan().SequenceEqual(problems.AsSpan()))
            return;
        _changed = true;
        _problemCount += problems.Length - before.Length;
        if (problems.IsEmpty)
            _problems.Remove(key);
        else
            _problems[key] = problems;
    }
}
