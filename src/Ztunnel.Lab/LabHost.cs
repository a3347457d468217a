using System.Collections.Immutable;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Ztunnel.IO;

namespace Ztunnel.Lab;

/// <summary>A node or a pod of a lab: a network namespace with addresses, in which programs can be run.</summary>
public abstract class LabHost
{
    private static readonly ImmutableArray<string> SocketTables = ["/proc/thread-self/net/tcp", "/proc/thread-self/net/tcp6"];
    private readonly LabNetwork _lab;

    private protected LabHost(LabNetwork lab, NetworkNamespace networkNamespace, ImmutableArray<IPAddress> addresses)
    {
        _lab = lab;
        NetworkNamespace = networkNamespace;
        Addresses = addresses;
    }

    /// <summary>The network namespace; owned by the lab.</summary>
    public NetworkNamespace NetworkNamespace { get; }

    /// <summary>Its addresses on the lab's network.</summary>
    public ImmutableArray<IPAddress> Addresses { get; }

    /// <summary>Its IPv4 address. Throws when it has none.</summary>
    public IPAddress IPv4 => AddressOf(AddressFamily.InterNetwork);

    /// <summary>Its IPv6 address. Throws when it has none.</summary>
    public IPAddress IPv6 => AddressOf(AddressFamily.InterNetworkV6);

    /// <summary>Whether each program started here gets a process tree of its own, as in a container.</summary>
    internal abstract bool OwnProcessTree { get; }

    /// <summary>Runs a program to its end.</summary>
    public Task<ProcessResult> Exec(string file, params ImmutableArray<string> arguments) => Exec(new LabCommand(file, arguments));

    /// <summary>Runs a program to its end. Throws <see cref="LabException"/>, with its output so far, when it takes longer than its timeout.</summary>
    public async Task<ProcessResult> Exec(LabCommand command, CancellationToken cancellationToken = default)
    {
        await using LabProcess process = await Start(command);
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(command.Timeout);
        try
        {
            return await process.WaitForExit(deadline.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new LabException($"{process} took longer than {command.Timeout.TotalSeconds} s: {process.Output}{process.Error}");
        }
    }

    /// <summary>Starts a program that runs until it ends, the lab is disposed of, or this process dies.</summary>
    public Task<LabProcess> Start(string file, params ImmutableArray<string> arguments) => Start(new LabCommand(file, arguments));

    /// <summary>Starts a program that runs until it ends, the lab is disposed of, or this process dies.</summary>
    public Task<LabProcess> Start(LabCommand command) => _lab.Start(this, command);

    /// <summary>
    /// Waits until something listens on a TCP port here, by looking at the kernel's socket table: no connection is made.
    /// Throws <see cref="LabException"/> when <paramref name="timeout"/> (10 s) passes before, or when <paramref name="process"/>,
    /// which is to do the listening, ends.
    /// </summary>
    public Task WaitUntilListening(int port, LabProcess? process = null, TimeSpan? timeout = null, CancellationToken cancellationToken = default) =>
        Condition.Wait(
            () => ListeningPorts().Contains(port) || process?.HasExitedWith($"it ended before it listened on port {port}") == true,
            timeout ?? TimeSpan.FromSeconds(10),
            () => $"nothing listens on port {port} on {this}: {process?.Output}{process?.Error}",
            cancellationToken);

    /// <summary>The TCP ports something listens on here, on any address.</summary>
    public ImmutableHashSet<int> ListeningPorts() => NetworkNamespace.Run(() =>
        SocketTables
            .Where(File.Exists)
            .SelectMany(File.ReadLines)
            .Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            .Where(fields => fields is [_, _, _, "0A", ..])
            .Select(fields => int.Parse(fields[1].AsSpan(fields[1].LastIndexOf(':') + 1), NumberStyles.HexNumber, CultureInfo.InvariantCulture))
            .ToImmutableHashSet());

    private IPAddress AddressOf(AddressFamily family) =>
        Addresses.FirstOrDefault(address => address.AddressFamily == family) ?? throw new LabException($"{this} has no {family} address");
}

/// <summary>A node of a lab.</summary>
public sealed class LabNode : LabHost
{
    internal LabNode(LabNetwork lab, NetworkNamespace networkNamespace, NodePlan plan)
        : base(lab, networkNamespace, plan.Addresses) => Plan = plan;

    /// <summary>What it was built from.</summary>
    public NodePlan Plan { get; }

    /// <summary>The node's name.</summary>
    public string Name => Plan.Name;

    internal override bool OwnProcessTree => false;

    /// <inheritdoc/>
    public override string ToString() => $"node {Name}";
}

/// <summary>
/// A pod of a lab. Its programs see processes of their own only, and end with the first of them, as in a container; files are
/// the machine's (also /etc/resolv.conf: pods have addresses, not names, unless the program brings its own resolver).
/// </summary>
public sealed class LabPod : LabHost
{
    internal LabPod(LabNetwork lab, NetworkNamespace networkNamespace, PodPlan plan, string port)
        : base(lab, networkNamespace, plan.Addresses)
    {
        Plan = plan;
        Port = port;
    }

    /// <summary>What it was built from.</summary>
    public PodPlan Plan { get; }

    /// <summary>The name of its link's other end, on its node's bridge: no other pod of the lab has or had it.</summary>
    internal string Port { get; }

    /// <summary>The pod's name.</summary>
    public string Name => Plan.Name;

    /// <summary>The pod's Kubernetes namespace.</summary>
    public string Namespace => Plan.Namespace;

    internal override bool OwnProcessTree => true;

    /// <inheritdoc/>
    public override string ToString() => $"pod {Plan}";
}
