namespace Ztunnel.Capture;

/// <summary>A turn at something that only so many may do at a time; dispose it to give it to the next.</summary>
internal sealed class Turn : IDisposable
{
    private readonly SemaphoreSlim _turns;

    private Turn(SemaphoreSlim turns) => _turns = turns;

    public static async Task<Turn> Take(SemaphoreSlim turns, CancellationToken cancellationToken)
    {
        await turns.WaitAsync(cancellationToken);
        return new Turn(turns);
    }

    public void Dispose() => _turns.Release();
}
