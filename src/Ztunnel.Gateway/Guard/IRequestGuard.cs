using System.Collections.Immutable;
using Microsoft.AspNetCore.Http;
using Ztunnel.Mesh;

namespace Ztunnel.Gateway;

/// <summary>Decides whether a request is let through, before it is routed.</summary>
internal interface IRequestGuard
{
    /// <summary>Judges a request by the policies that hold for it: its tokens first, then what it may do.</summary>
    /// <param name="context">The request. It is only read; what to change in it is in the decision.</param>
    /// <param name="entry">How it came.</param>
    /// <param name="ports">What the gateway listened on when the request came; the one it is routed by.</param>
    /// <param name="method">Its method as a backend will see it.</param>
    /// <param name="path">Its path, normalised; the one it is routed by and sent on with.</param>
    ValueTask<GuardDecision> Judge(HttpContext context, Entry entry, PortTable ports, string method, HttpPath path);
}

/// <summary>What becomes of a request.</summary>
internal sealed record GuardDecision
{
    /// <summary>It is let through as it is.</summary>
    public static readonly GuardDecision Unchanged = new();

    /// <summary>Why it is refused; null where it is let through.</summary>
    public GuardRefusal? Refusal { get; init; }

    /// <summary>What to change in its headers before it is routed and sent on.</summary>
    public ImmutableArray<RequestHeader> Headers { get; init; } = [];

    /// <summary>Its query from now on, without a question mark; null where that stays.</summary>
    public string? Query { get; init; }

    /// <summary>Makes the changes to the headers.</summary>
    public void ApplyTo(IHeaderDictionary headers)
    {
        foreach ((string name, string? value) in Headers)
        {
            if (value is null)
                headers.Remove(name);
            else
                headers[name] = value;
        }
    }
}

/// <summary>The answer to a request that is refused.</summary>
/// <param name="Status">Its status.</param>
/// <param name="Body">Its body, text.</param>
/// <param name="Reason">The named reason, for log and metrics.</param>
/// <param name="Policy">The policy that refused it, where it is one.</param>
/// <param name="Detail">The same for a person.</param>
internal sealed record GuardRefusal(int Status, string Body, string Reason, PolicyName? Policy, string Detail)
{
    /// <summary>What asks for a token (RFC 6750 section 3); null where none is asked for.</summary>
    public string? Challenge { get; init; }
}
