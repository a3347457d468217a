using System.Net;

namespace Ztunnel.IO.Tests;

/// <summary>
/// Two new network namespaces joined by a cable: <see cref="Left"/> is 10.0.0.1 and fd00::1, <see cref="Right"/> is 10.0.0.2
/// and fd00::2.
/// </summary>
internal sealed class TwoNamespaces : IDisposable
{
    private TwoNamespaces()
    {
    }

    public NetworkNamespace Left { get; } = NetworkNamespace.Create();

    public NetworkNamespace Right { get; } = NetworkNamespace.Create();

    public static async Task<TwoNamespaces> Create()
    {
        TwoNamespaces pair = new();
        await Ip(pair.Left, $"link add cable type veth peer name cable netns {pair.Right.Path}");
        await Ip(pair.Left, "addr add 10.0.0.1/24 dev cable", "addr add fd00::1/64 dev cable nodad", "link set cable up");
        await Ip(pair.Right, "addr add 10.0.0.2/24 dev cable", "addr add fd00::2/64 dev cable nodad", "link set cable up");
        return pair;
    }

    /// <summary>Runs <c>ip</c> commands inside.</summary>
    public static async Task Ip(NetworkNamespace ns, params string[] commands)
    {
        foreach (string command in commands)
            await Run(ns, "ip", command.Split(' '), null);
    }

    /// <summary>Adds one nftables chain inside, with its hook and its rules.</summary>
    public static Task Nft(NetworkNamespace ns, string hook, params string[] rules) => Run(
        ns, "nft", ["-f", "-"], $"table inet t {{\nchain c {{\ntype {hook}\n{string.Join('\n', rules)}\n}}\n}}\n");

    /// <summary>Our address on one side.</summary>
    public static IPAddress Address(int side, bool v6) => IPAddress.Parse(v6 ? $"fd00::{side}" : $"10.0.0.{side}");

    public void Dispose()
    {
        Left.Dispose();
        Right.Dispose();
    }

    private static async Task Run(NetworkNamespace ns, string file, string[] args, string? input)
    {
        ProcessResult result = await ns.RunProcess(file, args, input);
        Assert.True(result.ExitCode == 0, $"{file} {string.Join(' ', args)}: {result.Error}{result.Output}\n{input}");
    }
}
