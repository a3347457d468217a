using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;
using Ztunnel.Proxy;

namespace Ztunnel;

/// <content>How open connections move from one agent to the next, once that accepts in every pod.</content>
public sealed partial class NodeAgent
{
    /// <summary>How long the old agent waits for connections that are being opened, to pass them on too.</summary>
    private static readonly TimeSpan OpeningPatience = TimeSpan.FromSeconds(5);

    /// <summary>
    /// Says that we accept nothing more and passes on what connections can be. There is no way back: whatever happens, the new
    /// agent's death included, what could not be passed on is drained here.
    /// </summary>
    private async Task PassConnections(UpgradeConversation successor, int version)
    {
        try
        {
            await successor.Say(new UpgradeMessage { Step = UpgradeStep.Yielded });
            if (version < UpgradeMessage.ConnectionsVersion)
                return;
            int passed = await _proxy.Pass(connections => PassConnections(successor, connections), OpeningPatience);
            await successor.Say(new UpgradeMessage { Step = UpgradeStep.AllPassed });
            LogPassed(passed);
        }
        catch (IOException e)
        {
            LogNotPassed(e.Message);
        }
    }

    private static async Task<IReadOnlyList<bool>> PassConnections(
        UpgradeConversation successor, IReadOnlyList<(PassedConnection Description, PassedRelay Relay)> connections)
    {
        await successor.Say(
            new UpgradeMessage { Step = UpgradeStep.Connections, Connections = [.. connections.Select(each => each.Description)] },
            [.. connections.SelectMany(each => each.Relay.Descriptors)]);
        UpgradeMessage answer = await HearAnswer(successor);
        return answer is { Step: UpgradeStep.Taken, Taken: { } taken } && taken.Count == connections.Count
            ? taken
            : throw new IOException($"the new agent said {answer.Step} instead of {UpgradeStep.Taken}");
    }

    /// <summary>
    /// When patience ends before an answer comes the conversation does too, so that none can come later: what was not taken by
    /// then is ours, and both know it.
    /// </summary>
    private static async Task<UpgradeMessage> HearAnswer(UpgradeConversation successor)
    {
        try
        {
            return (await successor.Hear()).Message;
        }
        catch (IOException)
        {
            successor.Interrupt();
            return (await successor.Hear()).Message;
        }
    }

    /// <summary>
    /// Says that we accept in every pod, hears that the old agent does not any more, and goes on with the connections it passes;
    /// returns how many. That it is gone early makes no difference to what we have.
    /// </summary>
    private async Task<int> ReceiveConnections(UpgradeConversation predecessor)
    {
        int received = 0;
        try
        {
            await predecessor.Say(new UpgradeMessage { Step = UpgradeStep.Ready });
            while (true)
            {
                (UpgradeMessage message, IReadOnlyList<SafeFileHandle> descriptors) = await predecessor.Hear();
                if (message.Connections is { } connections)
                    received += await ReceiveConnections(predecessor, connections, descriptors);
                else if (message.Step == UpgradeStep.AllPassed)
                    return received;
            }
        }
        catch (IOException e)
        {
            LogPredecessorGone(e.Message);
            return received;
        }
    }

    private async Task<int> ReceiveConnections(
        UpgradeConversation predecessor, IReadOnlyList<PassedConnection> connections, IReadOnlyList<SafeFileHandle> descriptors)
    {
        var begin = new Action?[connections.Count];
        IReadOnlyList<PassedRelay> relays = [];
        try
        {
            relays = PassedConnection.Join(connections, descriptors);
            for (int index = 0; index < begin.Length; index++)
                begin[index] = Receive(connections[index], relays[index]);
            // Only who was told that we have it does not go on with it.
            await predecessor.Say(new UpgradeMessage { Step = UpgradeStep.Taken, Taken = [.. begin.Select(each => each is not null)] });
        }
        catch
        {
            foreach (SafeFileHandle descriptor in descriptors)
                descriptor.Dispose();
            throw;
        }

        for (int index = 0; index < begin.Length; index++)
        {
            if (begin[index] is { } go)
                go();
            else
                relays[index].Dispose();
        }

        return begin.Count(each => each is not null);
    }

    private Action? Receive(PassedConnection connection, PassedRelay relay)
    {
        try
        {
            return _proxy.Receive(connection, relay);
        }
        catch (FormatException e)
        {
            LogNotUnderstood(e.Message);
            return null;
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "passed {Connections} open connections on")]
    private partial void LogPassed(int connections);

    [LoggerMessage(Level = LogLevel.Warning, Message = "connections that could have been passed on stay here: {Reason}")]
    private partial void LogNotPassed(string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "the agent that ran before left before it had passed on everything: {Reason}")]
    private partial void LogPredecessorGone(string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "a connection of the agent that ran before stays there: {Reason}")]
    private partial void LogNotUnderstood(string reason);
}
