namespace Ztunnel.Mesh;

/// <summary>
/// Whether a workload takes plaintext, from the PeerAuthentications about it: each level that says something takes the place
/// of what the wider one says, and a port's own mode that of the workload.
/// </summary>
internal sealed record MutualTlsRule
{
    private MutualTlsRule()
    {
    }

    /// <summary>Why plaintext is refused at ports of which nothing is said in particular; null where it is taken.</summary>
    public PolicyRefusal? PlaintextRefusal { get; private init; }

    /// <summary>The same for the ports that have a mode of their own.</summary>
    public KeyValuePair<ushort, PolicyRefusal?>[] PlaintextRefusalOfPorts { get; private init; } = [];

    public static MutualTlsRule Of(PeerAuthentication? meshWide, PeerAuthentication? namespaceWide, PeerAuthentication? selecting)
    {
        PolicyRefusal? refusal = null;
        foreach (PeerAuthentication? policy in (ReadOnlySpan<PeerAuthentication?>)[meshWide, namespaceWide, selecting])
        {
            if (policy is not null && policy.Mode != MutualTlsMode.Unset)
                refusal = policy.Mode == MutualTlsMode.Strict ? policy.Refusal : null;
        }

        return new MutualTlsRule
        {
            PlaintextRefusal = refusal,
            PlaintextRefusalOfPorts = selecting is null
                ? []
                :
                [
                    .. selecting.Ports
                        .Where(port => port.Value != MutualTlsMode.Unset)
                        .Select(port => KeyValuePair.Create(port.Key, port.Value == MutualTlsMode.Strict ? selecting.Refusal : null)),
                ],
        };
    }
}
