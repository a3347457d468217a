using System.Collections.Concurrent;
using System.Net;
using Ztunnel.Mesh;
using Ztunnel.Testing;

namespace Ztunnel.Resources.Tests;

/// <summary>Endpoints that are given by names follow the addresses of the names.</summary>
public sealed class NameResolutionTests : IDisposable
{
    private static readonly ServiceName Host = new("default", "a.com", IsHost: true);
    private static readonly ObjectKey Entry = new(ObjectKind.ServiceEntry, "default", "out");

    private readonly ManualTime _time = new();
    private readonly MeshState _mesh = new();
    private readonly ResourceInventory _inventory = new();
    private readonly Names _names = new();
    private readonly NameResolution _resolution;

    public NameResolutionTests()
    {
        _resolution = new NameResolution(_mesh, _inventory, _names, _time);
        _mesh.Put(new Service { Name = Host, Hostname = "a.com", Ports = [new ServicePort("http", 80, 80)], Entry = new ServiceEntry { Name = "out" } });
    }

    public void Dispose() => _resolution.Dispose();

    [Fact]
    public async Task An_address_that_changes_is_followed_and_kept_while_the_name_cannot_be_resolved()
    {
        _names["a.com"] = ["192.0.2.1", "2001:db8::1"];
        _resolution.Want(Host, Entry, [Named("a.com")]);
        await Until("192.0.2.1:80 [2001:db8::1]:80");

        _names["a.com"] = ["192.0.2.2"];
        await Next();
        await Until("192.0.2.2:80");

        _names["a.com"] = null;
        await Next();
        await Eventually.Holds(() => Problem() is not null);
        Assert.EndsWith("cannot be resolved: nobody knows; the addresses it had are used on", Problem(), StringComparison.Ordinal);
        Assert.Equal("192.0.2.2:80", Endpoints());

        _names["a.com"] = ["192.0.2.3"];
        await Next();
        await Until("192.0.2.3:80");
        Assert.Null(Problem());
    }

    [Fact]
    public async Task A_name_without_addresses_is_tried_again_soon_and_then_less_often()
    {
        _names["a.com"] = [];
        _resolution.Want(Host, Entry, [Named("a.com")]);
        await Eventually.Holds(() => _names.Asked == 1 && _time.ArmedTimers > 0);
        Assert.EndsWith("cannot be resolved: it has no address", Problem(), StringComparison.Ordinal);
        foreach (int seconds in new[] { 2, 4, 8 })
        {
            int asked = _names.Asked;
            _time.Advance(TimeSpan.FromSeconds(seconds - 0.5));
            Assert.Equal(asked, _names.Asked);
            int armed = _time.TimersArmed;
            _time.Advance(TimeSpan.FromSeconds(0.5));
            await Eventually.Holds(() => _names.Asked == asked + 1 && _time.TimersArmed > armed && _time.ArmedTimers > 0);
        }
    }

    [Fact]
    public async Task A_name_that_nobody_wants_any_more_is_let_go_of_with_its_endpoints()
    {
        _names["a.com"] = ["192.0.2.1"];
        _names["b.com"] = ["192.0.2.9"];
        _resolution.Want(Host, Entry, [Named("a.com")]);
        await Until("192.0.2.1:80");

        _resolution.Want(Host, Entry, [Named("b.com")]);
        await Until("192.0.2.9:80");
        _resolution.Want(Host, Entry, []);
        Assert.Equal("", Endpoints());
        await Eventually.Holds(() => _time.ArmedTimers == 0);
        int asked = _names.Asked;
        _time.Advance(NameResolution.Again + NameResolution.Again);
        Assert.Equal(asked, _names.Asked);
    }

    [Fact]
    public async Task A_resolver_that_never_answers_holds_nobody_up()
    {
        _names.Silent = "slow.com";
        _names["a.com"] = ["192.0.2.1"];
        _resolution.Want(new ServiceName("default", "slow.com", IsHost: true), new ObjectKey(ObjectKind.ServiceEntry, "default", "slow"), [Named("slow.com")]);
        _resolution.Want(Host, Entry, [Named("a.com")]);
        await Until("192.0.2.1:80");
    }

    [Fact]
    public async Task The_first_answers_can_be_waited_for_but_not_for_ever()
    {
        _names["a.com"] = ["192.0.2.1"];
        _resolution.Want(Host, Entry, [Named("a.com")]);
        await _resolution.FirstAnswers(TimeSpan.FromSeconds(5));
        Assert.Equal("192.0.2.1:80", Endpoints());

        _names.Silent = "slow.com";
        _resolution.Want(new ServiceName("default", "slow.com", IsHost: true), new ObjectKey(ObjectKind.ServiceEntry, "default", "slow"), [Named("slow.com")]);
        Task waiting = _resolution.FirstAnswers(TimeSpan.FromSeconds(5));
        _time.Advance(TimeSpan.FromSeconds(4));
        Assert.False(waiting.IsCompleted);
        _time.Advance(TimeSpan.FromSeconds(1));
        await waiting.WaitAsync(Eventually.Deadline, TestContext.Current.CancellationToken);
    }

    private static NamedEndpoint Named(string name) => new("name", name, [new EndpointPort("http", 80)]);

    private string Endpoints() => string.Join(' ', _mesh.EndpointsOf(Host).Select(endpoint => endpoint.Address.ToString()));

    private string? Problem() => _inventory.Snapshot().Problems.Select(problem => problem.ToString()).SingleOrDefault();

    private Task Until(string endpoints) => Eventually.Holds(() => Endpoints() == endpoints);

    /// <summary>Lets the time pass until the name is looked up again.</summary>
    private async Task Next()
    {
        await Eventually.Holds(() => _time.ArmedTimers > 0);
        int asked = _names.Asked;
        _time.Advance(NameResolution.Again);
        await Eventually.Holds(() => _names.Asked > asked);
    }

    private sealed class Names : INameResolver
    {
        private readonly ConcurrentDictionary<string, string[]?> _answers = new(StringComparer.Ordinal);
        private int _asked;

        public int Asked => Volatile.Read(ref _asked);

        public string? Silent { get; set; }

        public string[]? this[string name]
        {
            set => _answers[name] = value;
        }

        public Task<IReadOnlyList<IPAddress>> Resolve(string name, CancellationToken cancellationToken)
        {
            if (name == Silent)
                return new TaskCompletionSource<IReadOnlyList<IPAddress>>().Task;
            Interlocked.Increment(ref _asked);
            return _answers[name] is { } answer
                ? Task.FromResult<IReadOnlyList<IPAddress>>([.. answer.Select(IPAddress.Parse)])
                : Task.FromException<IReadOnlyList<IPAddress>>(new IOException("nobody knows"));
        }
    }
}
