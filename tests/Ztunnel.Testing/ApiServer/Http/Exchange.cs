using System.Buffers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Ztunnel.Testing.Api;

/// <summary>One request and its answer, with what every verb needs of it.</summary>
internal sealed class Exchange(HttpContext http, ApiCounters.Cell counted, TimeProvider time)
{
    private static readonly string[] BodyTypes = ["application/json", "application/yaml"];

    /// <summary>The request and answer as Kestrel has them.</summary>
    public HttpContext Http => http;

    /// <summary>Ends when the client goes away or the server stops.</summary>
    public CancellationToken Gone => http.RequestAborted;

    /// <summary>The user who asks.</summary>
    public required ApiUser User { get; init; }

    /// <summary>A query parameter, or null.</summary>
    public string? Query(string name) => http.Request.Query.TryGetValue(name, out var values) && values[0] is { Length: > 0 } text ? text : null;

    /// <summary>Whether a query parameter says yes.</summary>
    public bool Asks(string name) => Query(name) is "true" or "1";

    /// <summary>How the request wants to write.</summary>
    public WriteContext Write(Target target) =>
        new(new FieldManagers.Manager(Manager(), "Update", target.Kind.ApiVersion(target.Version), target.Subresource), DryRun());

    /// <summary>Whether nothing is to be kept.</summary>
    public bool DryRun() => Query("dryRun") switch
    {
        null => false,
        "All" => true,
        { } other => throw ApiFailure.BadRequest($"dryRun: Unsupported value: \"{other}\": supported values: \"All\""),
    };

    /// <summary>In which form the answer is wanted, from the Accept header.</summary>
    public Presentation Form(ResourceKind kind, string version)
    {
        string accept = http.Request.Headers.Accept.ToString();
        RowObject rows = Query("includeObject") switch { "None" => RowObject.None, "Object" => RowObject.Whole, _ => RowObject.Metadata };
        foreach (string range in accept.Split(',', StringSplitOptions.TrimEntries))
        {
            string[] parts = range.Split(';', StringSplitOptions.TrimEntries);
            if (parts[0] is not ("application/json" or "application/*" or "*/*" or "" or "application/yaml"))
                continue;
            if (!parts.Any(part => part.StartsWith("as=", StringComparison.Ordinal)))
                return new Presentation(kind, version, ObjectForm.Whole, rows, time);
            if (!parts.Contains("v=v1") || !parts.Contains("g=meta.k8s.io"))
                continue;
            if (parts.Contains("as=Table"))
                return new Presentation(kind, version, ObjectForm.Table, rows, time);
            if (parts.Contains("as=PartialObjectMetadata") || parts.Contains("as=PartialObjectMetadataList"))
                return new Presentation(kind, version, ObjectForm.Metadata, rows, time);
        }

        throw ApiFailure.NotAcceptable();
    }

    /// <summary>The body as JSON; YAML is made JSON.</summary>
    public async Task<JsonObject> Body(params string[] types)
    {
        string type = BodyType;
        string[] accepted = types.Length == 0 ? BodyTypes : types;
        if (type == ProtobufBody.MediaType && types.Length == 0)
            return ProtobufBody.Read(await Bytes()) ?? throw ApiFailure.UnsupportedMediaType(accepted);
        if (!accepted.Contains(type))
            throw ApiFailure.UnsupportedMediaType(accepted);
        return Object(await Text(), type.EndsWith("yaml", StringComparison.Ordinal));
    }

    /// <summary>The content type of the body, without parameters.</summary>
    public string BodyType => (http.Request.ContentType ?? "application/json").Split(';')[0].Trim();

    /// <summary>Whether there is a body.</summary>
    public bool HasBody => http.Features.Get<IHttpRequestBodyDetectionFeature>()?.CanHaveBody ?? false;

    /// <summary>The body as text.</summary>
    public async Task<string> Text()
    {
        using StreamReader reader = new(http.Request.Body, Encoding.UTF8);
        return await reader.ReadToEndAsync(Gone);
    }

    /// <summary>Answers with JSON.</summary>
    public Task Answer(int code, JsonNode body) => Answer(code, Encoding.UTF8.GetBytes(body.ToJsonString()));

    /// <summary>Answers with JSON, or something else, that is ready.</summary>
    public async Task Answer(int code, ReadOnlyMemory<byte> body, string type = "application/json")
    {
        http.Response.StatusCode = code;
        http.Response.ContentType = type;
        http.Response.ContentLength = body.Length;
        await Send(body);
    }

    /// <summary>Sends a piece of the answer.</summary>
    public async ValueTask Send(ReadOnlyMemory<byte> piece)
    {
        counted.Sent(piece.Length);
        await http.Response.Body.WriteAsync(piece, Gone);
    }

    /// <summary>Writes a piece of the answer, to be sent with others by <see cref="Flush"/>.</summary>
    public void Write(ReadOnlySpan<byte> piece)
    {
        counted.Sent(piece.Length);
        http.Response.BodyWriter.Write(piece);
    }

    /// <summary>Sends what was written.</summary>
    public async ValueTask Flush() => await http.Response.BodyWriter.FlushAsync(Gone);

    /// <summary>Reads an object; throws 400 for what is none.</summary>
    public static JsonObject Object(string text, bool yaml)
    {
        try
        {
            JsonObject? value = (yaml ? YamlJson.Read(text).FirstOrDefault() : JsonNode.Parse(text)) as JsonObject;
            // A name that stands twice is found only when the object is first looked into; better now than in the middle.
            return value?.DeepClone().AsObject() ?? throw ApiFailure.BadRequest("the object provided is unrecognized");
        }
        catch (Exception e) when (e is JsonException or ArgumentException or FormatException)
        {
            throw ApiFailure.BadRequest($"error decoding the body: {e.Message}");
        }
    }

    private async Task<byte[]> Bytes()
    {
        using MemoryStream copy = new();
        await http.Request.Body.CopyToAsync(copy, Gone);
        return copy.ToArray();
    }

    private string Manager()
    {
        if (Query("fieldManager") is { } manager)
            return manager;
        string agent = http.Request.Headers.UserAgent.ToString();
        return agent.Split('/', ' ')[0] is { Length: > 0 } name ? name : "unknown";
    }
}
