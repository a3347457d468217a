namespace Ztunnel.Testing.Api;

/// <summary>Who writes, and how.</summary>
/// <param name="Manager">What the writer calls itself (<c>fieldManager</c>).</param>
/// <param name="DryRun">Whether everything is checked and answered, and nothing kept.</param>
/// <param name="Direct">
/// Whether a test sets up the object as a whole, status included, past what is asked of clients.
/// </param>
internal sealed record WriteContext(string Manager, bool DryRun = false, bool Direct = false)
{
    /// <summary>The set-up of a test.</summary>
    public static readonly WriteContext SetUp = new("test", Direct: true);
}
