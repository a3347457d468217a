namespace Ztunnel.Mesh;

/// <summary>One TCP port of a <see cref="Service"/>. Ports of other protocols are not in the model.</summary>
/// <param name="Name">The port's name, by which endpoints say which port of theirs serves it; empty when it has none.</param>
/// <param name="Port">What clients connect to at the service's virtual IP.</param>
/// <param name="TargetPort">The pods' port where the service says a number, 0 where it says a name: each endpoint then has its own.</param>
/// <param name="AppProtocol">What the service says is spoken on it (<c>appProtocol</c>), or null.</param>
public sealed record ServicePort(string Name, ushort Port, ushort TargetPort, string? AppProtocol = null);
