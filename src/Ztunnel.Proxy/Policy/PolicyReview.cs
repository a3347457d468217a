using Ztunnel.Mesh;

namespace Ztunnel.Proxy;

/// <summary>
/// Judges open connections again when the policies about them, or the labels those select by, have changed, and cuts those
/// that would not be let in now. Changes that come close together are taken as one, so that what a set of files says in the
/// end counts and not its halves.
/// </summary>
internal sealed class PolicyReview : IDisposable
{
    /// <summary>How long to wait for further changes.</summary>
    private static readonly TimeSpan Settle = TimeSpan.FromMilliseconds(100);

    /// <summary>Connections judged before the loop's other work has its turn.</summary>
    private const int Turn = 256;

    private readonly OfLoop[] _loops;
    private readonly IDisposable _observation;

    public PolicyReview(MeshState mesh, IEnumerable<ProxyLoop> loops)
    {
        _loops = [.. loops.Select(on => new OfLoop(on))];
        _observation = mesh.Policies.Observe(change => Request(change.Namespace));
    }

    /// <summary>Asks for a review of the connections to pods of a namespace, or of all.</summary>
    public void Request(string? @namespace)
    {
        foreach (OfLoop loop in _loops)
            loop.Request(@namespace);
    }

    public void Dispose() => _observation.Dispose();

    private sealed class OfLoop(ProxyLoop on)
    {
        private readonly Lock _lock = new();
        private HashSet<string> _namespaces = new(StringComparer.Ordinal);
        private bool _all;
        private bool _scheduled;

        public void Request(string? @namespace)
        {
            lock (_lock)
            {
                if (@namespace is null)
                    _all = true;
                else
                    _namespaces.Add(@namespace);
                if (_scheduled)
                    return;
                _scheduled = true;
            }

            _ = on.Loop.RunAsync(Review);
        }

        private async Task Review()
        {
            await on.Loop.DelayAsync(Settle);
            Func<string, bool> concerned = Take();
            int judged = 0;
            foreach (OpenConnection connection in (OpenConnection[])[.. on.Open.Where(open => concerned(open.Pod.Workload.Namespace))])
            {
                connection.Review();
                if (++judged % Turn == 0)
                    await on.Loop.YieldAsync();
            }
        }

        private Func<string, bool> Take()
        {
            lock (_lock)
            {
                _scheduled = false;
                HashSet<string> namespaces = _namespaces;
                bool all = _all;
                _namespaces = new HashSet<string>(StringComparer.Ordinal);
                _all = false;
                return @namespace => all || namespaces.Contains(@namespace);
            }
        }
    }
}
