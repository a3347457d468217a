using System.Text.Json;
using Microsoft.Extensions.Logging;

namespace Ztunnel.Telemetry.Tests;

public sealed class LogOutputLoggerProviderTests
{
    [Theory]
    [InlineData("Ztunnel.Proxy.OutboundListener", "proxy")]
    [InlineData("Ztunnel.IO", "io")]
    [InlineData("Microsoft.AspNetCore.Server.Kestrel", "Microsoft.AspNetCore.Server.Kestrel")]
    public void A_message_is_a_line_with_time_level_scope_and_text(string category, string scope)
    {
        string line = Assert.Single(Output.OfLogger(LogFormat.Text, category, log => log.LogWarning("pod {Pod} lost", "web/httpbin")));

        Assert.Equal($"2026-03-01T12:00:00.123456Z\twarn\t{scope}\tpod web/httpbin lost", line);
    }

    [Fact]
    public void A_message_cannot_write_a_line_of_its_own()
    {
        string line = Assert.Single(Output.OfLogger(LogFormat.Text, "Ztunnel.Mesh", log => log.LogInformation("name {Name}", "a\nb\tc\"")));

        Assert.EndsWith("\tname a\\nb\\tc\\\"", line, StringComparison.Ordinal);
    }

    [Fact]
    public void An_exception_is_a_field_and_brings_its_stack_only_with_an_error()
    {
        Exception thrown = Assert.Throws<InvalidOperationException>(void () => throw new InvalidOperationException("no\nway"));

        string[] lines = Output.OfLogger(LogFormat.Json, "Ztunnel.Mesh", log =>
        {
            log.LogWarning(thrown, "retrying");
            log.LogError(thrown, "broken");
        });

        using JsonDocument warning = JsonDocument.Parse(lines[0]);
        Assert.Equal("InvalidOperationException: no\nway", warning.RootElement.GetProperty("error").GetString());
        Assert.False(warning.RootElement.TryGetProperty("stack", out _));
        using JsonDocument error = JsonDocument.Parse(lines[1]);
        Assert.Contains("LogOutputLoggerProviderTests", error.RootElement.GetProperty("stack").GetString());
    }

    [Fact]
    public void Levels_are_those_of_the_longest_matching_scope()
    {
        LogLevels levels = LogLevels.Parse("warn, proxy=debug,Microsoft=error,Microsoft.AspNetCore=off");

        Assert.Equal(LogLevel.Warning, levels.For("mesh"));
        Assert.Equal(LogLevel.Debug, levels.For("proxy"));
        Assert.Equal(LogLevel.Error, levels.For("Microsoft.Extensions.Hosting"));
        Assert.Equal(LogLevel.None, levels.For("Microsoft.AspNetCore.Server.Kestrel"));
    }

    [Fact]
    public void A_message_below_the_level_of_its_scope_is_not_written()
    {
        string[] lines = Output.OfLogger(
            LogFormat.Text,
            "Ztunnel.Proxy.Relay",
            log =>
            {
                Assert.False(log.IsEnabled(LogLevel.Information));
                log.LogInformation("quiet");
                log.LogWarning("loud");
            },
            LogLevels.Parse("info,proxy=warn"));

        Assert.EndsWith("\tloud", Assert.Single(lines), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("loud", "'loud'")]
    [InlineData("info,proxy=", "''")]
    public void A_level_that_does_not_exist_is_named(string text, string named)
    {
        FormatException exception = Assert.Throws<FormatException>(() => LogLevels.Parse(text));

        Assert.Contains(named, exception.Message);
    }
}
