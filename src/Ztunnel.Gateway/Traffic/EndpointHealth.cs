namespace Ztunnel.Gateway;

/// <summary>What a gateway has seen of one endpoint. Counters from any thread; the rest belongs to <see cref="OutlierTracker"/>.</summary>
internal sealed class EndpointHealth(System.Net.IPEndPoint address)
{
    private int _serverErrors;
    private int _gatewayErrors;
    private int _localErrors;

    /// <summary>Where it is.</summary>
    public System.Net.IPEndPoint Address => address;

    /// <summary>Until when it is left out, by the tracker's clock; null where it is not.</summary>
    public long? Until { get; set; }

    /// <summary>How many times in a row it has been left out; each makes the next longer, and quiet intervals are forgiven.</summary>
    public int Ejections { get; set; }

    /// <summary>An answer. Returns how many in a row were errors, and errors of a gateway.</summary>
    public (int Server, int Gateway) Answered(int status) => (
        status >= 500 ? Interlocked.Increment(ref _serverErrors) : Clear(ref _serverErrors),
        status is 502 or 503 or 504 ? Interlocked.Increment(ref _gatewayErrors) : Clear(ref _gatewayErrors));

    /// <summary>It answered at all, or not. Returns how many times in a row it did not.</summary>
    public int Reached(bool reached) => reached ? Clear(ref _localErrors) : Interlocked.Increment(ref _localErrors);

    /// <summary>Begins to count anew.</summary>
    public void Forget()
    {
        Clear(ref _serverErrors);
        Clear(ref _gatewayErrors);
        Clear(ref _localErrors);
    }

    /// <summary>Writes only where it changes something: the count is shared by all loops and nearly always 0.</summary>
    private static int Clear(ref int count)
    {
        if (Volatile.Read(ref count) != 0)
            Volatile.Write(ref count, 0);
        return 0;
    }
}
