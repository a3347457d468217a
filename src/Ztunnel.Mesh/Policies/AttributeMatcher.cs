using System.Collections.Immutable;

namespace Ztunnel.Mesh;

/// <summary>
/// What a rule demands of one attribute of a connection. A closed set: all attributes that a connection has without looking
/// into it. Where the client proved no identity, nothing matches what is asked of its identity, and so what is asked of it
/// with <see cref="Matcher{TFacts}.Negated"/> is met, as in Istio.
/// </summary>
public abstract class AttributeMatcher : Matcher<ConnectionFacts>
{
    private protected AttributeMatcher()
    {
    }

    private static bool Any(ImmutableArray<TextPattern> patterns, ReadOnlySpan<char> text)
    {
        foreach (ref readonly TextPattern pattern in patterns.AsSpan())
        {
            if (pattern.Matches(text))
                return true;
        }

        return false;
    }

    private static bool Any(ImmutableArray<AddressRange> ranges, NetworkAddress address)
    {
        foreach (ref readonly AddressRange range in ranges.AsSpan())
        {
            if (range.Contains(address))
                return true;
        }

        return false;
    }

    /// <summary>The client's identity as <c>trust-domain/ns/namespace/sa/account</c>, without its scheme.</summary>
    public sealed class Principal(ImmutableArray<TextPattern> values) : AttributeMatcher
    {
        private protected override bool AnyMatches(in ConnectionFacts facts) =>
            facts.SourceIdentity is { } identity && Any(values, identity.WithoutScheme);
    }

    /// <summary>The namespace in the client's identity.</summary>
    public sealed class Namespace(ImmutableArray<TextPattern> values) : AttributeMatcher
    {
        private protected override bool AnyMatches(in ConnectionFacts facts) => Any(values, facts.SourceIdentity?.Namespace);
    }

    /// <summary>The trust domain in the client's identity.</summary>
    public sealed class TrustDomain(ImmutableArray<TextPattern> values) : AttributeMatcher
    {
        private protected override bool AnyMatches(in ConnectionFacts facts) => Any(values, facts.SourceIdentity?.TrustDomain);
    }

    /// <summary>Namespace and service account in the client's identity, of whatever trust domain.</summary>
    public sealed class ServiceAccount(ImmutableArray<(string Namespace, string Name)> values) : AttributeMatcher
    {
        private protected override bool AnyMatches(in ConnectionFacts facts)
        {
            if (facts.SourceIdentity is not { } identity)
                return false;
            foreach ((string @namespace, string name) in values)
            {
                if (string.Equals(identity.Namespace, @namespace, StringComparison.Ordinal)
                    && string.Equals(identity.ServiceAccount, name, StringComparison.Ordinal))
                {
                    return true;
                }
            }

            return false;
        }
    }

    /// <summary>The client's address.</summary>
    public sealed class SourceAddress(ImmutableArray<AddressRange> values) : AttributeMatcher
    {
        private protected override bool AnyMatches(in ConnectionFacts facts) => Any(values, facts.Source);
    }

    /// <summary>The workload's address.</summary>
    public sealed class DestinationAddress(ImmutableArray<AddressRange> values) : AttributeMatcher
    {
        private protected override bool AnyMatches(in ConnectionFacts facts) => Any(values, facts.Address);
    }

    /// <summary>The workload's port.</summary>
    public sealed class DestinationPort(ImmutableArray<ushort> values) : AttributeMatcher
    {
        private protected override bool AnyMatches(in ConnectionFacts facts) => values.AsSpan().Contains(facts.Port);
    }
}
