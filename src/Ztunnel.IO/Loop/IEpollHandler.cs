namespace Ztunnel.IO;

/// <summary>Owner of a descriptor registered with a loop's <see cref="Epoll"/>.</summary>
internal interface IEpollHandler
{
    /// <summary>Readiness changed; called on the loop with the epoll event bits.</summary>
    void OnEvents(uint events);

    /// <summary>The loop is ending: close the descriptor and wake who waits.</summary>
    void OnLoopStopping();
}
