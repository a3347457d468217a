using Microsoft.Extensions.Logging;
using Ztunnel.IO;

namespace Ztunnel;

/// <summary>
/// The agent's door for its successor: a socket in the run directory at which a new agent of the same node says that it wants
/// to take over. Only root, or whoever we run as, may come.
/// </summary>
internal sealed partial class Succession : IAsyncDisposable
{
    /// <summary>How long a new agent may take to enrol the pods it has been given.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    private static readonly TimeSpan RetryInterval = TimeSpan.FromSeconds(1);

    private readonly DescriptorSocket _door;
    private readonly Func<UpgradeConversation, Task<bool>> _handOver;
    private readonly ILogger _logger;
    private readonly TaskCompletionSource _handedOver = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _lock = new();
    private readonly Task _waiting;
    private UpgradeConversation? _conversation;
    private volatile bool _closing;

    private Succession(DescriptorSocket door, Func<UpgradeConversation, Task<bool>> handOver, ILogger logger)
    {
        _door = door;
        _handOver = handOver;
        _logger = logger;
        _waiting = Task.Factory.StartNew(Wait, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default).Unwrap();
    }

    /// <summary>Completes when another agent has taken over.</summary>
    public Task HandedOver => _handedOver.Task;

    /// <summary>Whether a new agent is here and it is not known yet whether it takes over.</summary>
    public bool IsHandingOver
    {
        get
        {
            lock (_lock)
                return _conversation is not null;
        }
    }

    /// <summary>Opens the door. <paramref name="handOver"/> is called for each who comes, and says whether that one took over. Throws <see cref="IOException"/>.</summary>
    public static Succession Open(string runDirectory, Func<UpgradeConversation, Task<bool>> handOver, ILogger logger)
    {
        Directory.CreateDirectory(runDirectory);
        return new Succession(DescriptorSocket.Listen(PathIn(runDirectory)), handOver, logger);
    }

    /// <summary>Whether an agent runs that could be asked. Throws <see cref="IOException"/>.</summary>
    public static bool IsServed(string runDirectory)
    {
        using DescriptorSocket? door = DescriptorSocket.Connect(PathIn(runDirectory), Patience);
        return door is not null;
    }

    /// <summary>Asks the agent that runs, if one does, to be taken over. Throws <see cref="IOException"/>.</summary>
    public static async Task<UpgradeConversation?> Ask(string runDirectory, string node)
    {
        if (DescriptorSocket.Connect(PathIn(runDirectory), Patience) is not { } socket)
            return null;
        var conversation = new UpgradeConversation(socket);
        try
        {
            await conversation.Say(new UpgradeMessage { Step = UpgradeStep.Take, Version = UpgradeMessage.CurrentVersion, Node = node });
            return conversation;
        }
        catch
        {
            conversation.Dispose();
            throw;
        }
    }

    /// <summary>Closes the door, on whoever has come through it too: an agent that stops waits for nobody.</summary>
    public async ValueTask DisposeAsync()
    {
        _closing = true;
        _door.Interrupt();
        lock (_lock)
            _conversation?.Interrupt();
        await _waiting;
        _door.Dispose();
    }

    private static string PathIn(string runDirectory) => Path.Combine(runDirectory, "upgrade.sock");

    private async Task Wait()
    {
        while (!_closing && await Next() is { } socket)
        {
            using var conversation = new UpgradeConversation(socket);
            lock (_lock)
                _conversation = conversation;
            try
            {
                if (await _handOver(conversation))
                {
                    // Whoever else has come is to ask the one that runs now.
                    _door.Dispose();
                    _handedOver.TrySetResult();
                    return;
                }
            }
#pragma warning disable CA1031 // Whatever ails a new agent, the one that runs goes on.
            catch (Exception e)
#pragma warning restore CA1031
            {
                LogNotTakenOver(e.Message);
            }
            finally
            {
                lock (_lock)
                    _conversation = null;
            }
        }
    }

    /// <summary>Waits for the next to come; null once the door is closed. What the kernel refuses for now is tried again.</summary>
    private async Task<DescriptorSocket?> Next()
    {
        while (true)
        {
            try
            {
                return _door.Accept(Patience);
            }
            catch (IOException e)
            {
                LogCannotAccept(e.Message);
                await Task.Delay(RetryInterval);
            }
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "cannot hear of new agents: {Reason}")]
    private partial void LogCannotAccept(string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "a new agent came and did not take over; going on: {Reason}")]
    private partial void LogNotTakenOver(string reason);
}
