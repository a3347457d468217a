using System.Text.Json.Nodes;

namespace Ztunnel.Testing.Api;

/// <summary>Paths below an object that are not the object itself: scale, token, binding, eviction, finalize.</summary>
internal sealed class Subresources(Store store, Change change, Deletion deletion, Tokens tokens, Reviews reviews, PodExec exec, TimeProvider time)
{
    /// <summary>The subresources of a kind, as discovery lists them: name, kind, group and version, verbs.</summary>
    public static IEnumerable<(string Name, string Kind, string Group, string Version, string[] Verbs)> Of(ResourceKind kind)
    {
        if (kind.HasStatus)
            yield return ("status", kind.Kind, "", "", ["get", "patch", "update"]);
        if (kind.HasScale)
            yield return ("scale", "Scale", "autoscaling", "v1", ["get", "patch", "update"]);
        if (kind == CoreKinds.ServiceAccounts)
            yield return ("token", "TokenRequest", "authentication.k8s.io", "v1", ["create"]);
        if (kind == CoreKinds.Namespaces)
            yield return ("finalize", "Namespace", "", "", ["update"]);
        if (kind != CoreKinds.Pods)
            yield break;
        yield return ("binding", "Binding", "", "", ["create"]);
        yield return ("exec", "PodExecOptions", "", "", ["create", "get"]);
        yield return ("eviction", "Eviction", "policy", "v1", ["create"]);
    }

    /// <summary>Answers when the request is for one of these; otherwise says no.</summary>
    public async Task<bool> Answer(Exchange exchange, Target target, string verb)
    {
        if (target.Kind.Answered)
        {
            JsonObject review = Incoming.Read(target.Kind, target.Version, await exchange.Body());
            await exchange.Answer(201, reviews.Answer(target.Kind, review, exchange.User));
            return true;
        }

        if (target.Subresource is "" or "status")
            return false;
        if (!Of(target.Kind).Any(known => known.Name == target.Subresource))
            throw new ApiFailure(404, "NotFound", "the server could not find the requested resource");
        await ((target.Subresource, verb) switch
        {
            ("scale", "get") => exchange.Answer(200, Scale(Find(target))),
            ("scale", "update" or "patch") => SetScale(exchange, target, verb),
            ("token", "create") => Token(exchange, target),
            ("binding", "create") => Bind(exchange, target),
            ("exec", "get" or "create") => exec.Answer(exchange, target),
            ("eviction", "create") => Evict(exchange, target),
            ("finalize", "update") => Finalize(exchange, target),
            _ => throw ApiFailure.MethodNotAllowed(),
        });
        return true;
    }

    private StoredObject Find(Target target) =>
        store.Find(target.Kind, target.Namespace, target.Name) ?? throw ApiFailure.NotFound(target.Kind, target.Name);

    private static JsonObject Scale(StoredObject found)
    {
        JsonObject value = found.ToJson();
        return new JsonObject
        {
            ["kind"] = "Scale",
            ["apiVersion"] = "autoscaling/v1",
            ["metadata"] = new JsonObject
            {
                ["name"] = found.Name,
                ["namespace"] = found.Namespace,
                ["uid"] = found.Uid,
                ["resourceVersion"] = $"{found.Version}",
                ["creationTimestamp"] = value["metadata"]!["creationTimestamp"]?.DeepClone(),
            },
            ["spec"] = new JsonObject { ["replicas"] = value["spec"]?["replicas"]?.DeepClone() ?? 0 },
            ["status"] = new JsonObject { ["replicas"] = value["status"]?["replicas"]?.DeepClone() ?? 0 },
        };
    }

    private async Task SetScale(Exchange exchange, Target target, string verb)
    {
        JsonObject scale = verb == "update"
            ? await exchange.Body()
            : (await PatchBody.Read(exchange, target.Kind))(Scale(Find(target)));
        StoredObject kept = change.Update(
            target.Kind,
            target.Namespace,
            target.Name,
            status: false,
            value =>
            {
                value["spec"]!["replicas"] = scale["spec"]?["replicas"]?.DeepClone() ?? 0;
                return value;
            },
            exchange.Write(target));
        await exchange.Answer(200, Scale(kept));
    }

    private async Task Token(Exchange exchange, Target target)
    {
        JsonObject request = await exchange.Body();
        JsonNode? spec = request["spec"];
        string[] audiences = [.. (spec?["audiences"] as JsonArray ?? []).Select(item => (string?)item ?? "")];
        TimeSpan lifetime = TimeSpan.FromSeconds((long?)spec?["expirationSeconds"] ?? 3600);
        string? pod = (string?)spec?["boundObjectRef"]?["kind"] == "Pod" ? (string?)spec["boundObjectRef"]!["name"] : null;
        (string token, ServiceAccountToken content) = tokens.Issue(target.Namespace, target.Name, audiences, lifetime, pod);
        request["apiVersion"] = "authentication.k8s.io/v1";
        request["kind"] = "TokenRequest";
        request["status"] = new JsonObject { ["token"] = token, ["expirationTimestamp"] = Metadata.Text(content.Expires) };
        await exchange.Answer(201, request);
    }

    private async Task Bind(Exchange exchange, Target target)
    {
        JsonObject binding = await exchange.Body();
        string node = (string?)binding["target"]?["name"] ?? throw ApiFailure.BadRequest("target.name: Required value");
        change.Update(
            target.Kind,
            target.Namespace,
            target.Name,
            status: false,
            value =>
            {
                if ((string?)value["spec"]!["nodeName"] is { Length: > 0 } taken)
                    throw ApiFailure.Conflict(target.Kind, target.Name, $"pod {target.Name} is already assigned to node \"{taken}\"");
                value["spec"]!["nodeName"] = node;
                value["status"] ??= new JsonObject();
                value["status"]!["conditions"] = new JsonArray(
                [
                    .. (value["status"]!["conditions"] as JsonArray ?? []).Where(item => (string?)item?["type"] != "PodScheduled").Select(item => item?.DeepClone()),
                    new JsonObject
                    {
                        ["type"] = "PodScheduled", ["status"] = "True", ["lastTransitionTime"] = Metadata.Text(time.GetUtcNow()),
                    },
                ]);
                return value;
            },
            exchange.Write(target) with { Direct = true });
        await exchange.Answer(201, Success());
    }

    private async Task Evict(Exchange exchange, Target target)
    {
        JsonObject eviction = await exchange.Body();
        deletion.Delete(
            target.Kind,
            target.Namespace,
            target.Name,
            new DeleteOptions(GracePeriod: (long?)eviction["deleteOptions"]?["gracePeriodSeconds"]));
        await exchange.Answer(201, Success());
    }

    private async Task Finalize(Exchange exchange, Target target)
    {
        JsonObject body = await exchange.Body();
        StoredObject kept = change.Update(
            target.Kind,
            "",
            target.Name,
            status: false,
            value =>
            {
                value["spec"]!["finalizers"] = body["spec"]?["finalizers"]?.DeepClone();
                return value;
            },
            exchange.Write(target) with { Direct = true });
        await exchange.Answer(200, exchange.Form(target.Kind, target.Version).Single(kept));
    }

    private static JsonObject Success() => new()
    {
        ["kind"] = "Status",
        ["apiVersion"] = "v1",
        ["metadata"] = new JsonObject(),
        ["status"] = "Success",
        ["code"] = 201,
    };
}
