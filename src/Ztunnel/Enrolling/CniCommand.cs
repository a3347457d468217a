using System.CommandLine;
using Ztunnel.Capture;

namespace Ztunnel;

/// <summary><c>ztunnel cni</c>: the program as a CNI plugin, as when a container runtime runs it, and its removal from a node.</summary>
internal static class CniCommand
{
    public static Command Create(TextWriter error)
    {
        var flags = new CniFlags();
        var uninstall = new Command("uninstall", "Take the plugin and its conflist from this node. Pods start without the mesh from then on.");
        flags.AddDirectoriesTo(uninstall);
        uninstall.SetAction(parsed =>
        {
            try
            {
                CniInstaller.Uninstall(flags.Read(parsed, runDirectory: ""));
                return 0;
            }
            catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
            {
                error.WriteLine(failure.Message);
                return 1;
            }
        });
        var command = new Command("cni", "Be the CNI plugin: done for a container runtime, which says what it wants in CNI_COMMAND.") { uninstall };
        command.SetAction(_ => RunPlugin());
        return command;
    }

    /// <summary>Does what the environment says.</summary>
    public static int RunPlugin()
    {
        using Stream input = Console.OpenStandardInput();
        using Stream output = Console.OpenStandardOutput();
        return CniPlugin.Run(Environment.GetEnvironmentVariable, input, output, Console.Error);
    }
}
