using System.CommandLine;
using Ztunnel;
using Ztunnel.Capture;

// A container runtime says what it wants in the environment, and gives no arguments.
if (CniPlugin.IsCalled(Environment.GetEnvironmentVariable))
    return CniCommand.RunPlugin();

var root = new RootCommand("An ambient mesh for Kubernetes nodes: workload identity, mutual TLS and policy without sidecars.")
{
    NodeCommand.Create(),
    GatewayCommand.Create(),
    ControllerCommand.Create(),
    DemoCommand.Create(),
    WaypointCommand.Create(Console.Out, Console.Error),
    CniCommand.Create(Console.Error),
};
// A stop waits for connections (--drain-seconds) and cleans up: the library's own patience of two seconds would cut it short.
return await root.Parse(args).InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = Timeout.InfiniteTimeSpan });
