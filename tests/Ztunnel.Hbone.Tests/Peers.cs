using Ztunnel.Hbone.Pool;
using Ztunnel.IO;
using Ztunnel.Testing;

namespace Ztunnel.Hbone.Tests;

/// <summary>A pool and the servers it reaches, one per connection.</summary>
internal sealed class Peers
{
    private readonly EventLoop _loop;
    private readonly HboneOptions? _server;

    public Peers(EventLoop loop, HbonePoolOptions? options = null, HboneOptions? server = null)
    {
        _loop = loop;
        _server = server;
        Pool = new HbonePool<string>(loop, Connect, options);
    }

    public HbonePool<string> Pool { get; }

    public List<HboneConnection> Servers { get; } = [];

    public List<MemoryChannel> Clients { get; } = [];

    public int Connects { get; private set; }

    public Func<string, Task>? BeforeConnect { get; set; }

    public bool Hangs { get; init; }

    public Func<IncomingConnect, ValueTask> Handler { get; init; } = Tunnels.Echo;

    public bool HangsUp { get; init; }

    public bool RetiresAtOnce { get; init; }

    public async Task<HboneStream> Open(string key)
    {
        ConnectOutcome outcome = await Pool.OpenAsync(key, new ConnectRequest("10.0.0.1:80"));
        return Assert.IsType<ConnectOutcome.Opened>(outcome).Stream;
    }

    private async ValueTask<Channel> Connect(string key, CancellationToken cancellationToken)
    {
        Connects++;
        if (BeforeConnect is not null)
            await BeforeConnect(key);
        if (Hangs)
            await new ChannelWait(_loop).WaitAsync(cancellationToken);
        (MemoryChannel client, MemoryChannel server) = MemoryChannel.Pair(_loop);
        Clients.Add(client);
        if (HangsUp)
        {
            server.Dispose();
            return client;
        }

        HboneConnection connection = HboneConnection.Serve(server, Handler, _server);
        Servers.Add(connection);
        if (RetiresAtOnce)
            _loop.Post(static state => ((HboneConnection)state!).Retire(), connection);
        return client;
    }
}
