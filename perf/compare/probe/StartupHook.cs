using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net.Sockets;
using System.Text;

/// <summary>
/// Runs in a measured process (DOTNET_STARTUP_HOOKS) and tells over a Unix socket, named by COMPARE_PROBE, what the process's
/// managed memory did: a connection that sends <c>r</c> gets one line of JSON, one that sends <c>c</c> the same after a full
/// collection. It costs the process a thread that sleeps.
/// </summary>
[SuppressMessage("Design", "MA0047", Justification = "The runtime looks for this type outside all namespaces.")]
[SuppressMessage("Design", "CA1050", Justification = "The runtime looks for this type outside all namespaces.")]
[SuppressMessage("Performance", "CA1812", Justification = "Called by the runtime.")]
internal static class StartupHook
{
    public static void Initialize()
    {
        if (Environment.GetEnvironmentVariable("COMPARE_PROBE") is not { Length: > 0 } path)
            return;
        var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(path));
        listener.Listen();
        new Thread(() => Serve(listener)) { IsBackground = true, Name = "probe" }.Start();
    }

    private static void Serve(Socket listener)
    {
        while (true)
        {
            using Socket asker = listener.Accept();
            var request = new byte[1];
            if (asker.Receive(request) == 0)
                continue;
            if (request[0] == (byte)'c')
            {
                GC.Collect();
                GC.WaitForPendingFinalizers();
                GC.Collect();
            }

            asker.Send(Encoding.ASCII.GetBytes(Read()));
        }
    }

    private static string Read() => string.Create(
        CultureInfo.InvariantCulture,
        $$"""{"allocated": {{GC.GetTotalAllocatedBytes()}}, "live": {{GC.GetTotalMemory(forceFullCollection: false)}}, "gen0": {{GC.CollectionCount(0)}}, "gen1": {{GC.CollectionCount(1)}}, "gen2": {{GC.CollectionCount(2)}}, "pause": {{GC.GetTotalPauseDuration().TotalMilliseconds}}}""");
}
