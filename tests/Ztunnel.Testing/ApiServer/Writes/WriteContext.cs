namespace Ztunnel.Testing.Api;

/// <summary>Who writes, and how.</summary>
/// <param name="Manager">The owner of the fields that are written.</param>
/// <param name="DryRun">Whether everything is checked and answered, and nothing kept.</param>
/// <param name="Direct">
/// Whether a test sets up the object as a whole, status included, past what is asked of clients; nobody is noted down for it.
/// </param>
/// <param name="Applied">Whether the object comes from server-side apply, which has noted down the owners already.</param>
internal sealed record WriteContext(FieldManagers.Manager Manager, bool DryRun = false, bool Direct = false, bool Applied = false)
{
    /// <summary>The set-up of a test.</summary>
    public static readonly WriteContext SetUp = new(new FieldManagers.Manager("test", "Update", "v1", ""), Direct: true);

    /// <summary>Whether owners of fields are to be noted down.</summary>
    public bool Tracks => !Direct && !Applied;
}
