using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Abstractions;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Ztunnel.Gateway;

/// <summary>What the server calls for each request; the context objects of a connection are used again.</summary>
internal sealed class HttpApplication(Func<HttpContext, Task> answer) : IHttpApplication<HttpApplication.Exchange>
{
    /// <inheritdoc/>
    public Exchange CreateContext(IFeatureCollection contextFeatures)
    {
        if (contextFeatures is not IHostContextContainer<Exchange> container)
            return new Exchange(contextFeatures);
        if (container.HostContext is { } used)
        {
            used.Http.Initialize(contextFeatures);
            return used;
        }

        return container.HostContext = new Exchange(contextFeatures);
    }

    /// <inheritdoc/>
    public Task ProcessRequestAsync(Exchange context) => answer(context.Http);

    /// <inheritdoc/>
    public void DisposeContext(Exchange context, Exception? exception) => context.Http.Uninitialize();

    /// <summary>One request and its answer.</summary>
    internal sealed class Exchange(IFeatureCollection features)
    {
        public DefaultHttpContext Http { get; } = new(features);
    }
}
