using System.Collections.Concurrent;
using System.Globalization;
using System.Reflection;
using Xunit.v3;

[assembly: Ztunnel.EndToEnd.Tests.TestStart]

namespace Ztunnel.EndToEnd.Tests;

/// <summary>
/// Remembers when each test began, as log lines write it: tests that share a lab share its log, and the kernel gives out the
/// same ports again.
/// </summary>
[AttributeUsage(AttributeTargets.Assembly)]
internal sealed class TestStartAttribute : BeforeAfterTestAttribute
{
    private static readonly ConcurrentDictionary<string, string> Starts = new(StringComparer.Ordinal);

    /// <summary>When the test that runs now began; the beginning of time outside of tests.</summary>
    public static string Current => TestContext.Current.Test is { } test && Starts.TryGetValue(test.UniqueID, out string? start) ? start : "";

    public override void Before(MethodInfo methodUnderTest, IXunitTest test) =>
        Starts[test.UniqueID] = DateTime.UtcNow.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture);
}
