using Microsoft.AspNetCore.Http;

namespace Ztunnel.Testing.Api;

/// <summary>Takes each request to what answers it, and turns failures into Status objects.</summary>
internal sealed class Dispatcher(
    KindTable kinds, Documents documents, Reads reads, Watches watches, WriteVerbs writes, Subresources subresources,
    Authentication authentication, Authorization authorization, ApiCounters counters, ApiFaults faults, TimeProvider time)
{
    /// <summary>Answers a request.</summary>
    public async Task Answer(HttpContext http)
    {
        string path = http.Request.Path.Value ?? "/";
        Target? target = Target.Parse(path, kinds);
        string verb = VerbOf(http.Request, target);
        ApiCounters.Cell counted = counters.Begin(verb, target?.Kind.Resource ?? path);
        try
        {
            await faults.Meet(new ApiRequest(verb, target?.Kind.Resource ?? "", target?.Namespace ?? "", target?.Name ?? "", path), http);
            Exchange exchange = new(http, counted, time) { User = authentication.Of(http) };
            if (target is not null)
                await Answer(exchange, target, verb);
            else if (!await documents.Answer(exchange, path))
                await NotFound(http);
        }
        catch (ApiFailure failure)
        {
            await Fail(http, failure);
        }
        catch (OperationCanceledException) when (http.RequestAborted.IsCancellationRequested)
        {
            // Nobody is there to answer.
        }
        catch (WatchBroken)
        {
            http.Abort();
        }
        finally
        {
            counted.End();
        }
    }

    private async Task Answer(Exchange exchange, Target target, string verb)
    {
        authorization.Check(exchange.User, target, verb, Reads.NameOf(exchange, target));
        if (target.Kind.Answered && verb != "create")
            throw ApiFailure.MethodNotAllowed();
        if (await subresources.Answer(exchange, target, verb))
            return;
        await (verb switch
        {
            "get" => reads.Get(exchange, target),
            "list" => reads.List(exchange, target),
            "watch" => watches.Watch(exchange, target),
            "create" => writes.Create(exchange, target),
            "update" => writes.Update(exchange, target),
            "patch" => writes.Patch(exchange, target),
            "delete" => writes.Delete(exchange, target),
            "deletecollection" => writes.DeleteCollection(exchange, target),
            _ => throw ApiFailure.MethodNotAllowed(),
        });
    }

    private static string VerbOf(HttpRequest request, Target? target)
    {
        bool collection = target?.IsCollection ?? false;
        bool watch = request.Query["watch"].ToString() is "true" or "1";
        return request.Method switch
        {
            "GET" or "HEAD" when watch && target is { Subresource: "" } => "watch",
            "GET" or "HEAD" => collection ? "list" : "get",
            "POST" => "create",
            "PUT" => "update",
            "PATCH" => "patch",
            "DELETE" => collection ? "deletecollection" : "delete",
            _ => "",
        };
    }

    private static async Task NotFound(HttpContext http)
    {
        http.Response.StatusCode = 404;
        http.Response.ContentType = "text/plain; charset=utf-8";
        await http.Response.WriteAsync("404 page not found\n", http.RequestAborted);
    }

    private static async Task Fail(HttpContext http, ApiFailure failure)
    {
        if (http.Response.HasStarted)
        {
            http.Abort();
            return;
        }

        http.Response.StatusCode = failure.Code;
        http.Response.ContentType = "application/json";
        if (failure.RetryAfter is { } seconds)
            http.Response.Headers.RetryAfter = $"{seconds}";
        await http.Response.WriteAsync(failure.ToJson().ToJsonString(), http.RequestAborted);
    }
}

/// <summary>A watch whose connection is to break in the middle.</summary>
internal sealed class WatchBroken : IOException;
