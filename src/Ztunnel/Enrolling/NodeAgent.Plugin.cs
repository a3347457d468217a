using Microsoft.Extensions.Logging;
using Ztunnel.Capture;

namespace Ztunnel;

/// <content>How pods come to be captured before they start: the CNI plugin, and the door at which it asks.</content>
public sealed partial class NodeAgent
{
    private PluginDoor? _door;
    private CniInstaller? _installer;

    /// <summary>Completes when the CNI plugin is installed for the first time; never without one.</summary>
    public Task PluginInstalled => _installer?.Installed ?? Task.Delay(Timeout.InfiniteTimeSpan, _stopping.Token);

    /// <summary>Opens the door, and only then has pods made through the plugin: from now on none starts that this agent has not judged.</summary>
    private void OpenDoor()
    {
        if (_options.Cni is not { } cni || _options.RunDirectory is not { } directory)
            return;
        Directory.CreateDirectory(directory);
        _door = PluginDoor.Open(directory, _options.Node, _enroller, new PodDirectory(_options.Node, _options.RootNamespace, _mesh, _clusterPods is { } pods ? pods.Find : null), _loggers.CreateLogger<PluginDoor>());
        _installer = CniInstaller.Start(cni, _loggers.CreateLogger<CniInstaller>(), listener: NotePlugin);
        if (_options is { Api: { } api, DaemonSet: { } name })
            _daemonSet ??= new OwnDaemonSet(api, name, _loggers.CreateLogger<OwnDaemonSet>());
    }

    /// <summary>Until the plugin is there pods would start uncaptured, so that the agent serves but is not ready. Another agent may have left it.</summary>
    private void ExpectPlugin()
    {
        if (_options is { Cni: { } cni, RunDirectory: not null } && !CniInstaller.IsInstalled(cni))
            NotePlugin("the CNI plugin is not installed yet");
    }

    private void NotePlugin(string? fault) => _readiness.Note("plugin", fault);

    /// <summary>Leaves the plugin's questions and its keeping to another agent. The plugin stays.</summary>
    private async Task CloseDoor()
    {
        if (_installer is not null)
            await _installer.DisposeAsync();
        if (_door is not null)
            await _door.DisposeAsync();
        (_installer, _door) = (null, null);
    }

    /// <summary>
    /// Has pods start without the mesh from now on, when it is being uninstalled: no agent will follow that they could wait for. One that
    /// has taken over meanwhile keeps the plugin, and sees to it itself. Says whether the plugin is gone. Captured pods keep their rules, as nobody has said that they may send in the clear.
    /// </summary>
    private async Task<bool> RemovePluginWhenUninstalled()
    {
        if (_daemonSet is null || !IsLast || !await _daemonSet.IsGone() || !IsLast)
            return false;
        // One that came to take over and did not has had it opened again.
        await CloseDoor();
        RemovePlugin();
        return true;
    }

    /// <summary>Has pods start without the mesh from now on. The door is closed.</summary>
    private void RemovePlugin()
    {
        if (_options.Cni is not { } cni)
            return;
        try
        {
            CniInstaller.Uninstall(cni);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            LogStaysInstalled(failure.Message);
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "the CNI plugin could not be removed, and no pod will start that it asks for: {Reason}")]
    private partial void LogStaysInstalled(string reason);
}
