using System.CommandLine;
using Ztunnel;

var root = new RootCommand("An ambient mesh for Kubernetes nodes: workload identity, mutual TLS and policy without sidecars.")
{
    NodeCommand.Create(),
    DemoCommand.Create(),
};
return await root.Parse(args).InvokeAsync();
