namespace Ztunnel.Telemetry.Tests;

internal sealed class FixedTime(DateTimeOffset now) : TimeProvider
{
    public static FixedTime Noon { get; } = new(new DateTimeOffset(2026, 3, 1, 12, 0, 0, TimeSpan.Zero).AddTicks(1234567));

    public override DateTimeOffset GetUtcNow() => now;
}
