using System.Collections.Immutable;
using System.Net;
using Ztunnel.Mesh;

namespace Ztunnel.Resources;

/// <summary>
/// Keeps endpoints that are given by names at the addresses that the names have. The system's resolver does not say how long an
/// answer holds, so each name is looked up again every <see cref="Again"/>. While it cannot be resolved what was last known stays,
/// and the object that names it has a problem that says so. Everything runs on the thread pool; nobody waits for an answer.
/// </summary>
internal sealed class NameResolution : IDisposable
{
    /// <summary>How long an answer is taken to hold.</summary>
    public static readonly TimeSpan Again = TimeSpan.FromSeconds(30);

    private static readonly TimeSpan FirstRetry = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);

    private readonly Lock _lock = new();
    private readonly Dictionary<string, FollowedName> _names = new(StringComparer.Ordinal);
    private readonly Dictionary<ServiceName, (ObjectKey Object, ImmutableArray<NamedEndpoint> Endpoints)> _wanted = [];
    private readonly CancellationTokenSource _stop = new();
    // What the system looks up at a time takes a thread each.
    private readonly SemaphoreSlim _turns = new(8);
    private readonly MeshState _mesh;
    private readonly ResourceInventory _inventory;
    private readonly INameResolver _resolver;
    private readonly TimeProvider _time;

    public NameResolution(MeshState mesh, ResourceInventory inventory, INameResolver resolver, TimeProvider time)
    {
        _mesh = mesh;
        _inventory = inventory;
        _resolver = resolver;
        _time = time;
    }

    /// <summary>Takes the endpoints of a service that are given by names, in place of those it had; none when it is gone.</summary>
    public void Want(ServiceName service, ObjectKey @object, ImmutableArray<NamedEndpoint> endpoints)
    {
        lock (_lock)
        {
            (ObjectKey Object, ImmutableArray<NamedEndpoint> Endpoints) former = _wanted.GetValueOrDefault(service, (@object, []));
            if (former.Object == @object && former.Endpoints.AsSpan().SequenceEqual(endpoints.AsSpan()))
                return;
            _wanted.Remove(service);
            foreach (NamedEndpoint gone in former.Endpoints)
                Leave(service, former.Object, gone, endpoints);
            if (endpoints.IsEmpty)
                return;
            _wanted[service] = (@object, endpoints);
            foreach (NamedEndpoint endpoint in endpoints)
                Join(service, @object, endpoint);
        }
    }

    /// <summary>Completes when every name that is wanted now has been looked up once, or <paramref name="patience"/> is over.</summary>
    public async Task FirstAnswers(TimeSpan patience)
    {
        Task asked;
        lock (_lock)
            asked = Task.WhenAll(_names.Values.Select(name => name.Asked.Task));
        await asked.WaitAsync(patience, _time).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    /// <summary>Looks nothing up any more.</summary>
    public void Dispose()
    {
        _stop.Cancel();
        lock (_lock)
        {
            foreach (FollowedName name in _names.Values)
                name.Stop.Cancel();
        }
    }

    private static string Field(string name) => $"name {name}";

    private void Join(ServiceName service, ObjectKey @object, NamedEndpoint endpoint)
    {
        if (!_names.TryGetValue(endpoint.Name, out FollowedName? name))
        {
            _names.Add(endpoint.Name, name = new FollowedName(endpoint.Name));
            _ = Task.Run(() => Follow(name, name.Stop.Token), CancellationToken.None);
        }

        name.Users.Add((service, @object, endpoint));
        if (name.Addresses.Count > 0)
            _mesh.Put(SetOf(service, endpoint, name.Addresses));
    }

    private void Leave(ServiceName service, ObjectKey @object, NamedEndpoint endpoint, ImmutableArray<NamedEndpoint> next)
    {
        // A set of the same name is replaced rather than missed for a moment, where its new addresses are known.
        NamedEndpoint? successor = next.FirstOrDefault(other => string.Equals(other.Set, endpoint.Set, StringComparison.Ordinal));
        if (successor is null || !_names.TryGetValue(successor.Name, out FollowedName? other) || other.Addresses.Count == 0)
            _mesh.RemoveEndpoints(service, endpoint.Set);
        FollowedName name = _names[endpoint.Name];
        name.Users.Remove((service, @object, endpoint));
        if (!name.Users.Exists(user => user.Object == @object))
            _inventory.SetProblem(@object, Field(endpoint.Name), null);
        if (name.Users.Count > 0 || next.Any(stays => string.Equals(stays.Name, endpoint.Name, StringComparison.Ordinal)))
            return;
        _names.Remove(endpoint.Name);
        name.Stop.Cancel();
    }

    private async Task Follow(FollowedName name, CancellationToken stop)
    {
        TimeSpan retry = FirstRetry;
        try
        {
            while (true)
            {
                bool found = await LookUp(name, stop);
                name.Asked.TrySetResult();
                retry = found ? FirstRetry : retry < Again ? retry + retry : Again;
                await Task.Delay(found ? Again : retry, _time, stop);
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // Nobody wants it any more.
            name.Asked.TrySetResult();
        }
    }

    private async Task<bool> LookUp(FollowedName name, CancellationToken stop)
    {
        await _turns.WaitAsync(stop);
        try
        {
            IReadOnlyList<IPAddress> found = await _resolver.Resolve(name.Name, stop).WaitAsync(Patience, _time, stop);
            ValueArray<IPAddress> addresses = [.. found.Select(NetworkAddress.Normalise).Distinct().OrderBy(address => address.ToString(), StringComparer.Ordinal)];
            Take(name, addresses, addresses.Count == 0 ? "it has no address" : null, stop);
            return addresses.Count > 0;
        }
        catch (Exception error) when (!stop.IsCancellationRequested)
        {
            Take(name, [], error.Message, stop);
            return false;
        }
        finally
        {
            _turns.Release();
        }
    }

    private void Take(FollowedName name, ValueArray<IPAddress> addresses, string? fault, CancellationToken stop)
    {
        lock (_lock)
        {
            if (stop.IsCancellationRequested)
                return;
            if (addresses.Count > 0)
                name.Addresses = addresses;
            string kept = name.Addresses.Count > 0 ? "; the addresses it had are used on" : "";
            foreach ((ServiceName service, ObjectKey @object, NamedEndpoint endpoint) in name.Users)
            {
                _inventory.SetProblem(@object, Field(name.Name), fault is null ? null : $"cannot be resolved: {fault}{kept}");
                if (fault is null)
                    _mesh.Put(SetOf(service, endpoint, addresses));
            }
        }
    }

    private static EndpointSet SetOf(ServiceName service, NamedEndpoint endpoint, ValueArray<IPAddress> addresses) => new()
    {
        Service = service,
        Name = endpoint.Set,
        Ports = [.. endpoint.Ports],
        Addresses = [.. addresses.Select(address => new EndpointAddress(address, Ready: true) { Region = endpoint.Region, Zone = endpoint.Zone })],
    };

    /// <summary>A name and who uses it.</summary>
    private sealed class FollowedName(string name)
    {
        public string Name { get; } = name;

        public List<(ServiceName Service, ObjectKey Object, NamedEndpoint Endpoint)> Users { get; } = [];

        public ValueArray<IPAddress> Addresses { get; set; } = [];

        public TaskCompletionSource Asked { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public CancellationTokenSource Stop { get; } = new();
    }
}
