namespace Ztunnel.Proxy;

/// <content>How a connection of two sockets goes on in the agent that takes over.</content>
internal sealed partial class OpenConnection
{
    private TaskCompletionSource<bool>? _paused;
    private TaskCompletionSource<bool>? _verdict;
    private bool _left;

    /// <summary>Whether nobody knows yet what kind of connection it will be.</summary>
    public bool IsOpening => _relay is null && !IsOtherEnd;

    /// <summary>Whether it can be passed on, and that was not tried yet.</summary>
    public bool CanPass => _relay is { CanPass: true } && !IsOtherEnd && _paused is null;

    /// <summary>Makes it rest; false when it comes to its end instead. <see cref="Leave"/> or <see cref="Stay"/> is to follow.</summary>
    public Task<bool> Pause()
    {
        _paused = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        _verdict = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        _relay!.Pause();
        return _paused.Task;
    }

    /// <summary>What there is to pass on of a connection at rest; null when it has to stay.</summary>
    public (PassedConnection Description, PassedRelay Relay)? Share()
    {
        if (_relay!.Duplicate() is not { } relay)
            return null;
        var description = new PassedConnection
        {
            Half = PassedHalf.Of(Pod, Record, _originalDestination, _admission?.Request),
            OtherHalf = _otherEnd is { } other ? PassedHalf.Of(other.Pod, other.Record, other._originalDestination, other._admission?.Request) : null,
            Endpoint = _endpoint?.Address.ToString(),
            Age = Age,
            BytesToServer = relay.BytesToServer,
            BytesToClient = relay.BytesToClient,
            InFlightToServer = relay.ToServer?.Bytes ?? 0,
            InFlightToClient = relay.ToClient?.Bytes ?? 0,
        };
        return (description, relay);
    }

    /// <summary>It goes on elsewhere.</summary>
    public void Leave() => _verdict!.SetResult(true);

    /// <summary>It goes on here, until it ends.</summary>
    public void Stay() => _verdict!.SetResult(false);

    /// <summary>Moves bytes until both directions have ended or the connection has gone to another process.</summary>
    private async ValueTask Run(Relay relay)
    {
        while (true)
        {
            await relay.RunAsync();
            bool paused = relay.IsPaused;
            if (paused)
                relay.Suspend();
            _paused?.TrySetResult(paused);
            if (!paused)
                return;
            if (await _verdict!.Task)
            {
                _left = true;
                relay.Leave();
                return;
            }

            relay.Resume();
        }
    }
}
