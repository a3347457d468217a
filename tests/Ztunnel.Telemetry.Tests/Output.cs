using System.Text;
using Microsoft.Extensions.Logging;

namespace Ztunnel.Telemetry.Tests;

/// <summary>Runs code against an output and returns the lines that came out, without the ends of line.</summary>
internal static class Output
{
    public static string[] OfAccessLog(LogFormat format, Action<AccessLog> write) =>
        Of(format, output => write(new AccessLog(output, FixedTime.Noon)));

    public static string[] OfLogger(LogFormat format, string category, Action<ILogger> write, LogLevels? levels = null) =>
        Of(format, output =>
        {
            using var provider = new LogOutputLoggerProvider(output, levels, FixedTime.Noon);
            write(provider.CreateLogger(category));
        });

    private static string[] Of(LogFormat format, Action<LogOutput> write)
    {
        using var stream = new MemoryStream();
        using (var output = new LogOutput(stream, new LogOutputOptions { Format = format }))
            write(output);
        string text = Encoding.UTF8.GetString(stream.ToArray());
        Assert.EndsWith("\n", text);
        return text[..^1].Split('\n');
    }
}
