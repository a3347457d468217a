using System.Net;

namespace Ztunnel.Mesh;

/// <summary>Where a gateway's instances are found.</summary>
public abstract record GatewayTarget
{
    private GatewayTarget()
    {
    }

    /// <summary>Behind port 15008 of a service.</summary>
    public sealed record Service(ServiceName Name) : GatewayTarget
    {
        /// <inheritdoc/>
        public override string ToString() => $"Service {Name}";
    }

    /// <summary>At an address: a service's virtual IP, or an instance's own.</summary>
    /// <param name="EndPoint">The address, and port 15008.</param>
    public sealed record Address(IPEndPoint EndPoint) : GatewayTarget
    {
        /// <summary>Port 15008 of <paramref name="address"/>.</summary>
        public Address(IPAddress address)
            : this(new IPEndPoint(address, CaptureContract.HbonePort))
        {
        }

        /// <inheritdoc/>
        public override string ToString() => $"address {EndPoint.Address}";
    }

    /// <summary>Nowhere, for the reason given.</summary>
    public sealed record Unusable(string Reason) : GatewayTarget
    {
        /// <inheritdoc/>
        public override string ToString() => Reason;
    }
}
