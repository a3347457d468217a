namespace Ztunnel.Capture;

/// <summary>How far a pod is with entering or leaving the mesh.</summary>
public abstract record EnrolmentState
{
    private EnrolmentState()
    {
    }

    /// <summary>It is to be enrolled: its turn has not come, or it has no IP address yet.</summary>
    public sealed record Pending(string Detail) : EnrolmentState;

    /// <summary>Its listeners are open and its rules are in place.</summary>
    public sealed record Enrolled : EnrolmentState;

    /// <summary>
    /// The last attempt failed; another follows. Of an attempt to enrol nothing is left; rules that could not be put back stay
    /// as they were found.
    /// </summary>
    public sealed record Failed(EnrolmentFailure Reason, string Detail) : EnrolmentState;

    /// <summary>
    /// It leaves the mesh: new connections are no longer captured, those under way are being let out. The detail says what
    /// holds up the removal of the last rules, if something does.
    /// </summary>
    public sealed record Removing(string? Detail = null) : EnrolmentState;
}
