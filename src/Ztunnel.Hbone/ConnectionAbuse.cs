using Ztunnel.Hbone.Flow;

namespace Ztunnel.Hbone;

/// <summary>What a peer may still do that costs us and moves nothing. Real work gives some of it back.</summary>
internal sealed class ConnectionAbuse(HboneOptions options, uint now)
{
    private AbuseBudget _idle = new(options.IdleFrameBurst, options.IdleFrameRate, now);
    private AbuseBudget _spoiled = new(options.SpoiledStreamBurst, options.SpoiledStreamRate, now);

    /// <summary>Charges for frames that move nothing; false when the peer has gone too far.</summary>
    public bool TrySpendIdle(int cost, uint at) => _idle.TrySpend(cost, at);

    /// <summary>Charges for a stream opened in vain; false when the peer has gone too far.</summary>
    public bool TrySpendSpoiled(uint at) => _spoiled.TrySpend(1, at);

    /// <summary>Counts a stream opened in vain that harms nobody by itself: further ones are refused once <see cref="MaySpoil"/> says no.</summary>
    public void NoteSpoiled(uint at) => _ = _spoiled.TrySpend(1, at);

    /// <summary>False while the client has opened so many streams in vain that it has to wait.</summary>
    public bool MaySpoil(uint at) => _spoiled.HasAny(at);

    /// <summary>The client opened a stream not in vain.</summary>
    public void RefundSpoiled() => _spoiled.Refund(1);

    /// <summary>The peer has reason to send a few frames more: we sent it DATA to acknowledge, or it opened or ended a stream.</summary>
    public void RefundIdle(int amount) => _idle.Refund(amount);
}
