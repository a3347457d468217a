using System.Globalization;
using System.Net;
using Ztunnel.Mesh;

namespace Ztunnel.Resources.Tests;

/// <summary>Connections to the pods of a <see cref="World"/> written in a few words, and what becomes of them.</summary>
internal static class Connections
{
    /// <summary>
    /// The policy's answer to a connection to the pod <paramref name="to"/>, told as <c>WHO FROM PORT</c>: who is
    /// <c>plaintext</c>, <c>namespace/account</c> or <c>trust-domain/namespace/account</c>.
    /// </summary>
    public static AuthorizationVerdict Judge(this World world, string connection, string to = "web")
    {
        string[] words = connection.Split(' ');
        Workload workload = world.Workload(to);
        IPAddress source = IPAddress.Parse(words[1]);
        IPAddress destination = workload.Addresses.First(address => address.AddressFamily == source.AddressFamily);
        return world.Mesh.Authorize(ConnectionFacts.Of(
            workload, new IPEndPoint(destination, int.Parse(words[2], CultureInfo.InvariantCulture)), source, Who(words[0])));
    }

    /// <summary>The answer in a word: <c>allowed</c>, or the refusal's reason and policy.</summary>
    public static string Answer(this World world, string connection, string to = "web") =>
        world.Judge(connection, to).Refusal is { } refusal ? $"{refusal.Reason} {refusal.Policy}".TrimEnd() : "allowed";

    private static SpiffeId? Who(string words) => words.Split('/') switch
    {
        [var domain, var @namespace, var account] => SpiffeId.Create(domain, @namespace, account),
        [var @namespace, var account] => SpiffeId.Create("cluster.local", @namespace, account),
        _ => null,
    };
}
