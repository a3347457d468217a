using System.Diagnostics;
using System.Globalization;
using System.Text;
using Ztunnel.Testing;

namespace Ztunnel.EndToEnd.Tests;

/// <summary><c>ztunnel demo</c>, as a person runs it.</summary>
public sealed class DemoTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);

    [Fact]
    public async Task The_demo_shows_everything_it_is_to_show_and_leaves_nothing_behind()
    {
        using var demo = new Demo();
        int code = await demo.WaitForExit();

        Assert.True(code == 0, demo.Output);
        Assert.DoesNotContain("FAILED", demo.Output, StringComparison.Ordinal);
        Assert.Contains("server: istio-envoy", demo.Output, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("authority=\"httpbin.aliyun.com\"", demo.Output, StringComparison.Ordinal);
        Assert.Contains("RBAC: access denied", demo.Output, StringComparison.Ordinal);
        await demo.LeavesNothing();
    }

    [Fact]
    public async Task An_interrupted_demo_leaves_nothing_behind()
    {
        using var demo = new Demo();
        await MeshLab.Eventually("the demo to be in the middle", () => Task.FromResult(demo.Output.Contains("2. curl by pod address", StringComparison.Ordinal)), Patience);
        await demo.Interrupt();
        int code = await demo.WaitForExit();

        Assert.True(code is not 0, demo.Output);
        Assert.Contains("Nothing is left behind", demo.Output, StringComparison.Ordinal);
        await demo.LeavesNothing();
    }

    /// <summary>The demo with a temporary directory of its own and a mark that all its descendants inherit.</summary>
    private sealed class Demo : IDisposable
    {
        private readonly DirectoryInfo _temporary = Directory.CreateTempSubdirectory("ztunnel-demo-");
        private readonly string _mark = Guid.NewGuid().ToString();
        private readonly StringBuilder _output = new();
        private readonly Process _process;

        public Demo()
        {
            var start = new ProcessStartInfo(AgentProcess.Program, ["demo"])
            {
                UseShellExecute = false,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
                WorkingDirectory = Repository.Root,
            };
            start.Environment["TMPDIR"] = _temporary.FullName;
            start.Environment["ZTUNNEL_TEST_MARK"] = _mark;
            start.Environment["DOTNET_EnableDiagnostics"] = "0";
            _process = Process.Start(start)!;
            _process.OutputDataReceived += Collect;
            _process.ErrorDataReceived += Collect;
            _process.BeginOutputReadLine();
            _process.BeginErrorReadLine();
        }

        public string Output
        {
            get
            {
                lock (_output)
                    return _output.ToString();
            }
        }

        public async Task<int> WaitForExit()
        {
            await _process.WaitForExitAsync().WaitAsync(Patience);
            return _process.ExitCode;
        }

        public async Task Interrupt()
        {
            using Process kill = Process.Start("kill", ["-s", "INT", _process.Id.ToString(CultureInfo.InvariantCulture)]);
            await kill.WaitForExitAsync();
        }

        public async Task LeavesNothing()
        {
            await MeshLab.Eventually("the demo's processes to be gone", () => Task.FromResult(!Descendants().Any()));
            Assert.Empty(_temporary.EnumerateFileSystemInfos());
        }

        public void Dispose()
        {
            if (!_process.HasExited)
                _process.Kill(entireProcessTree: true);
            _process.Dispose();
            _temporary.Delete(recursive: true);
        }

        private void Collect(object sender, DataReceivedEventArgs line)
        {
            lock (_output)
                _output.AppendLine(line.Data);
        }

        private IEnumerable<string> Descendants() => Directory.EnumerateDirectories("/proc")
            .Where(process => char.IsAsciiDigit(Path.GetFileName(process)[0]) && EnvironmentOf(process).Contains(_mark, StringComparison.Ordinal));

        private static string EnvironmentOf(string process)
        {
            try
            {
                return File.ReadAllText(Path.Combine(process, "environ"));
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                return ""; // It ended meanwhile.
            }
        }
    }
}
