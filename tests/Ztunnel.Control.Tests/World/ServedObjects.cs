using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Ztunnel.Kubernetes;
using Ztunnel.Resources;

namespace Ztunnel.Control.Tests;

/// <summary>The objects of a server.</summary>
internal sealed class ServedObjects(ApiClient client) : IResourceSource
{
    private static readonly ObjectKind[] Kinds =
    [
        ObjectKind.Namespace, ObjectKind.Service, ObjectKind.EndpointSlice, ObjectKind.Pod, ObjectKind.Gateway, ObjectKind.GatewayClass,
        ObjectKind.HttpRoute, ObjectKind.AuthorizationPolicy, ObjectKind.ServiceEntry,
    ];

    public async IAsyncEnumerable<ResourceEvent> Watch([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var told = Channel.CreateUnbounded<ResourceEvent>();
        int left = Kinds.Length;
        Task following = Task.WhenAll(Kinds.Select(async kind =>
        {
            bool synced = false;
            await foreach (WatchEvent change in new ResourceWatch(client, ApiResource.Of(kind).All()).Run(cancellationToken))
            {
                if (change is WatchEvent.Put put && ObjectJson.Read(kind, put.Object, "server").Object is { } @object)
                    told.Writer.TryWrite(new ResourceEvent.Put(@object, new Origin("server", 0)));
                else if (change is WatchEvent.Remove gone)
                    told.Writer.TryWrite(new ResourceEvent.Remove(new ObjectKey(kind, gone.Namespace, gone.Name)));
                else if (change is WatchEvent.Synced or WatchEvent.Unavailable && !synced && (synced = true) && Interlocked.Decrement(ref left) == 0)
                    told.Writer.TryWrite(new ResourceEvent.Synced());
            }
        }));
        await foreach (ResourceEvent change in told.Reader.ReadAllAsync(cancellationToken))
            yield return change;
        await following;
    }
}
