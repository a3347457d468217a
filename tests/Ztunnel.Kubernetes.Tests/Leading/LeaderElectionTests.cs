using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Nodes;
using Ztunnel.Testing;

namespace Ztunnel.Kubernetes.Tests.Leading;

public sealed class LeaderElectionTests
{
    private static readonly ApiPath Lease = ApiResource.Leases.Named("default", "lead");

    [Fact]
    public async Task One_leads_and_the_next_follows_at_once_when_it_ends_in_good_order()
    {
        await using var cluster = await Contest.Start();
        Contender first = await cluster.Add("first");
        await first.IsElected();
        Contender second = await cluster.Add("second");
        await cluster.Passes(TimeSpan.FromSeconds(40), () => { });
        Assert.Equal((1, 0), (first.Elections, second.Elections));
        Assert.Equal("first", second.Election.Leader);

        await first.Stop();
        await cluster.Until(() => second.Election.IsLeader, TimeSpan.FromSeconds(5));
        JsonNode lease = await cluster.Client.Get(Lease, default);
        Assert.Equal(("second", 15), ((string?)lease["spec"]!["holderIdentity"], (int)lease["spec"]!["leaseDurationSeconds"]!));
    }

    [Fact]
    public async Task A_leader_that_cannot_renew_has_stopped_before_another_leads()
    {
        await using var cluster = await Contest.Start();
        Contender first = await cluster.Add("first");
        await first.IsElected();
        Contender second = await cluster.Add("second");
        await Eventually.Holds(() => second.Election.Leader == "first");
        using (Contest.CutOff(first))
        {
            await cluster.Passes(TimeSpan.FromSeconds(30), () => Assert.False(first.IsWorking && second.IsWorking));
            await cluster.Until(() => second.Election.IsLeader, TimeSpan.FromSeconds(60));
            Assert.False(first.IsWorking);
        }

        await cluster.Passes(TimeSpan.FromSeconds(20), () => Assert.False(first.IsWorking));
        Assert.Equal("second", first.Election.Leader);
    }

    [Fact]
    public async Task A_leader_rides_out_a_short_interruption()
    {
        await using var cluster = await Contest.Start();
        Contender first = await cluster.Add("first");
        await first.IsElected();
        using (Contest.CutOff(first))
            await cluster.Passes(TimeSpan.FromSeconds(6), () => { });
        await cluster.Passes(TimeSpan.FromSeconds(20), () => { });
        Assert.True(first.Election.IsLeader);
        Assert.Equal(1, first.Elections);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_connection_that_dies_does_not_cost_the_lease(bool shared)
    {
        using var certificates = new ServerCertificates();
        using X509Certificate2? certificate = shared ? certificates.Issue("wire", "localhost") : null;
        await using var cluster = await Contest.Start();
        Contender first = await cluster.Add("first", certificate);
        await first.IsElected();
        first.Wire.KillConnection();
        await cluster.Passes(TimeSpan.FromSeconds(25), () => { });
        Assert.True(first.Election.IsLeader);
        Assert.Equal(1, first.Elections);
    }

    [Fact]
    public async Task A_leader_whose_lease_is_taken_stops()
    {
        await using var cluster = await Contest.Start();
        Contender first = await cluster.Add("first");
        await first.IsElected();
        await cluster.Client.MergePatch(Lease, new JsonObject { ["spec"] = new JsonObject { ["holderIdentity"] = "other" } }, default);
        await cluster.Until(() => !first.IsWorking, TimeSpan.FromSeconds(10));
        Assert.Equal("other", first.Election.Leader);
        // Of the other nothing more is seen, so it is waited for as long as its lease says.
        await cluster.Until(() => first.Elections == 2, TimeSpan.FromSeconds(30));
    }

    [Fact]
    public async Task What_was_elected_for_and_fails_ends_the_contest()
    {
        await using var cluster = await Contest.Start();
        var election = new LeaderElection(cluster.Client, Contest.Options("first"));
        await Assert.ThrowsAsync<InvalidDataException>(() => election.Run(_ => throw new InvalidDataException(), default));
        Assert.Equal("", (string?)(await cluster.Client.Get(Lease, default))["spec"]!["holderIdentity"]);
        await election.Run(_ => Task.CompletedTask, default);
    }

    /// <summary>Some who contend for one Lease, and a clock that only the test moves.</summary>
    private sealed class Contest : IAsyncDisposable
    {
        private readonly ManualTime _time = new();
        private readonly ApiServer _server;
        private readonly List<Contender> _contenders = [];

        private Contest(ApiServer server)
        {
            _server = server;
            Client = new ApiClient(ServerAccess.Of(server), OptionsOfClients, _time);
        }

        public ApiClient Client { get; }

        private static ApiClientOptions OptionsOfClients { get; } = new() { FirstDelay = TimeSpan.FromMilliseconds(1), Tries = 2 };

        public static LeaderElectionOptions Options(string name) => new() { Namespace = "default", Name = "lead", Identity = name };

        public static async Task<Contest> Start() => new(await ApiServer.Start());

        public async Task<Contender> Add(string name, X509Certificate2? certificate = null)
        {
            Wire wire = await Wire.To(_server, certificate);
            var contender = new Contender(wire, new ApiClient(wire.Access, OptionsOfClients, _time), name);
            _contenders.Add(contender);
            return contender;
        }

        public static IDisposable CutOff(Contender contender) => contender.Wire.Cut();

        /// <summary>Lets time pass in small steps, with a little real time for each so that what is due is done, and looks after each.</summary>
        public async Task Passes(TimeSpan span, Action look)
        {
            for (TimeSpan passed = TimeSpan.Zero; passed < span; passed += TimeSpan.FromMilliseconds(500))
            {
                int armed = _time.TimersArmed;
                _time.Advance(TimeSpan.FromMilliseconds(500));
                for (int turn = 0; turn < 25 && _time.TimersArmed == armed; turn++)
                    await Task.Delay(1);
                look();
            }
        }

        public async Task Until(Func<bool> condition, TimeSpan within)
        {
            for (TimeSpan passed = TimeSpan.Zero; passed < within && !condition(); passed += TimeSpan.FromMilliseconds(500))
                await Passes(TimeSpan.FromMilliseconds(500), () => { });
            await Eventually.Holds(condition);
        }

        public async ValueTask DisposeAsync()
        {
            foreach (Contender contender in _contenders)
                await contender.DisposeAsync();
            Client.Dispose();
            await _server.DisposeAsync();
        }
    }

    private sealed class Contender : IAsyncDisposable
    {
        private readonly CancellationTokenSource _stop = new();
        private readonly ApiClient _client;
        private readonly Task _run;
        private int _elections;
        private volatile bool _working;

        public Contender(Wire wire, ApiClient client, string name)
        {
            Wire = wire;
            _client = client;
            Election = new LeaderElection(client, Contest.Options(name));
            _run = Election.Run(Work, _stop.Token);
        }

        public Wire Wire { get; }

        public LeaderElection Election { get; }

        public int Elections => Volatile.Read(ref _elections);

        public bool IsWorking => _working;

        public Task IsElected() => Eventually.Holds(() => _working);

        public async Task Stop()
        {
            if (_stop.IsCancellationRequested)
                return;
            await _stop.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => _run);
        }

        public async ValueTask DisposeAsync()
        {
            await Stop();
            _client.Dispose();
            _stop.Dispose();
            await Wire.DisposeAsync();
        }

        private async Task Work(CancellationToken leading)
        {
            Interlocked.Increment(ref _elections);
            _working = true;
            try
            {
                await Task.Delay(Timeout.Infinite, leading);
            }
            finally
            {
                _working = false;
            }
        }
    }
}
