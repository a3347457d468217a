using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using Ztunnel.Mesh;
using Ztunnel.Resources;

namespace Ztunnel.Control;

/// <summary>
/// A source of objects that keeps those the controller needs beside the model, and tells of each change once the model has it.
/// </summary>
internal sealed class KnownObjects(IResourceSource source) : IResourceSource
{
    private static readonly HashSet<ObjectKind> Kept =
    [
        ObjectKind.Namespace, ObjectKind.Gateway, ObjectKind.GatewayClass, ObjectKind.Service, ObjectKind.ServiceEntry,
        ObjectKind.AuthorizationPolicy, ObjectKind.RequestAuthentication, ObjectKind.PeerAuthentication,
        ObjectKind.ReferenceGrant, ObjectKind.DestinationRule,
    ];

    private readonly ConcurrentDictionary<ObjectKey, KubernetesObject> _objects = new();
    private readonly HashSet<ObjectKey> _instances = [];

    /// <summary>
    /// An object has come, changed or gone, and the model knows. Raised on the thread that follows the source. Of pods only Gateways'
    /// instances are told of; of other kinds that are not kept each telling is a change.
    /// </summary>
    public Action<ObjectKey>? Changed { get; set; }

    /// <summary>An object; null where there is none.</summary>
    public T? Find<T>(ObjectKey key)
        where T : KubernetesObject => _objects.GetValueOrDefault(key) as T;

    /// <summary>The objects of a kind.</summary>
    public IEnumerable<T> Of<T>()
        where T : KubernetesObject => _objects.Values.OfType<T>();

    /// <inheritdoc/>
    public async IAsyncEnumerable<ResourceEvent> Watch([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (ResourceEvent told in source.Watch(cancellationToken))
        {
            ObjectKey? changed = Take(told);
            yield return told;
            // Whoever follows comes for the next one when it has done with this.
            if (changed is not null)
                Changed?.Invoke(changed);
        }
    }

    private ObjectKey? Take(ResourceEvent told)
    {
        switch (told)
        {
            case ResourceEvent.Put { Object: PodObject pod }:
                bool instance = WaypointLabels.InstanceOf(pod.Metadata.Labels, pod.Metadata.Namespace) is not null;
                bool known = instance ? !_instances.Add(pod.Key) : _instances.Remove(pod.Key);
                return instance || known ? pod.Key : null;
            case ResourceEvent.Remove { Key: var key } when key.Kind == ObjectKind.Pod:
                return _instances.Remove(key) ? key : null;
            case ResourceEvent.Put put when !Kept.Contains(put.Object.Kind):
                return put.Object.Key;
            case ResourceEvent.Put put:
                bool same = _objects.TryGetValue(put.Object.Key, out KubernetesObject? before) && before == put.Object;
                _objects[put.Object.Key] = put.Object;
                return same ? null : put.Object.Key;
            case ResourceEvent.Remove gone:
                _objects.TryRemove(gone.Key, out _);
                return gone.Key;
            default:
                return null;
        }
    }
}
