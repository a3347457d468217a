using System.CommandLine;
using System.Globalization;
using Spectre.Console;
using Ztunnel.Lab;

namespace Ztunnel;

/// <summary><c>ztunnel demo</c>: a mesh of two nodes on this machine, shown step by step.</summary>
internal static class DemoCommand
{
    private const string DefaultManifests = "deploy/demo";

    /// <summary>Columns of output that is no terminal.</summary>
    private const int PlainWidth = 200;

    public static Command Create()
    {
        var keep = new Option<bool>("--keep") { Description = "Leave it running at the end and print commands to try by hand." };
        var manifests = new Option<DirectoryInfo?>("--manifests")
        {
            Description = $"Directory of Kubernetes YAML to build from; {DefaultManifests} here, or the copy beside the program, by default.",
        };
        var command = new Command("demo", "Bring up two nodes with pods on this machine and show what the mesh does.") { keep, manifests };
        command.SetAction((parsed, stop) => Run(parsed.GetValue(manifests)?.FullName ?? FindManifests(), parsed.GetValue(keep), stop));
        return command;
    }

    private static string FindManifests() => Directory.Exists(DefaultManifests)
        ? Path.GetFullPath(DefaultManifests)
        : Path.Combine(AppContext.BaseDirectory, "demo");

    private static async Task<int> Run(string manifests, bool keep, CancellationToken stop)
    {
        IAnsiConsole console = Console();
        if (!Environment.IsPrivilegedProcess)
        {
            console.MarkupLine("[red]The demo makes network namespaces and so must run as root.[/] Try: [bold]sudo ztunnel demo[/]");
            return 1;
        }

        try
        {
            await using DemoMesh mesh = await DemoMesh.Start(manifests, console, stop);
            bool passed = await new DemoTour(mesh, console).Run(stop);
            if (keep)
                await Linger(mesh, console, stop);
            return passed ? 0 : 1;
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            console.MarkupLine("[yellow]Stopped. Nothing is left behind.[/]");
            return 130;
        }
        catch (Exception e) when (e is LabException or DemoFailure or IOException or System.ComponentModel.Win32Exception)
        {
            console.MarkupLineInterpolated(CultureInfo.InvariantCulture, $"[red]The demo could not be set up:[/] {e.Message}");
            return 1;
        }
    }

    /// <summary>The terminal; or when the output goes to a file, plain text in lines that are not broken.</summary>
    private static IAnsiConsole Console()
    {
        if (!System.Console.IsOutputRedirected)
            return AnsiConsole.Console;
        IAnsiConsole plain = AnsiConsole.Create(new AnsiConsoleSettings { Ansi = AnsiSupport.No, Interactive = InteractionSupport.No });
        plain.Profile.Width = PlainWidth;
        return plain;
    }

    private static async Task Linger(DemoMesh mesh, IAnsiConsole console, CancellationToken stop)
    {
        console.WriteLine();
        console.MarkupLine("[bold]Still running.[/] From another terminal:");
        foreach ((string purpose, string command) in mesh.CommandsToTry())
        {
            console.WriteLine();
            console.MarkupLineInterpolated(CultureInfo.InvariantCulture, $"  [grey]# {purpose}[/]");
            console.Profile.Out.Writer.WriteLine($"  {command}");
        }

        console.WriteLine();
        console.MarkupLineInterpolated(CultureInfo.InvariantCulture, $"Edit a file in {mesh.Manifests} and it takes effect within a second; what is wrong with it, and every connection, shows below in the log of both nodes. Services exist only in the mesh here: a pod whose label is gone reaches others by their addresses. Ctrl-C ends it all.");
        console.WriteLine();
        mesh.Log.CopyTo(console.Profile.Out.Writer);
        await Task.Delay(Timeout.InfiniteTimeSpan, stop).ContinueWith(static _ => { }, TaskScheduler.Default);
    }
}
