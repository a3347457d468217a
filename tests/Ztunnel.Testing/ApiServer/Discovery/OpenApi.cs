using System.Buffers;
using System.Text;
using System.Text.Json.Nodes;

namespace Ztunnel.Testing.Api;

/// <summary>
/// As much of OpenAPI as kubectl asks for: which kinds can be patched, and that a dry run may be asked for. No fields are described, so
/// kubectl leaves the checking of objects to the server.
/// </summary>
internal sealed class OpenApi(KindTable kinds)
{
    /// <summary>The second version in its binary form, the only one kubectl reads: as it is asked for, and as the answer names it.</summary>
    public const string BinaryRequest = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf",
        BinaryType = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";

    /// <summary>The index of the third version: where the document of each group and version is.</summary>
    public JsonObject Index()
    {
        JsonObject paths = [];
        foreach (string path in kinds.Groups.SelectMany(group => group.Versions.Select(version => $"apis/{group.Group}/{version}")).Prepend("api/v1"))
            paths[path] = new JsonObject { ["serverRelativeURL"] = $"/openapi/v3/{path}" };
        return new JsonObject { ["paths"] = paths };
    }

    /// <summary>The third version's document of one group and version.</summary>
    public JsonObject Document(string group, string version)
    {
        JsonObject paths = [];
        foreach (ResourceKind kind in kinds.In(group, version).Where(kind => !kind.Answered))
            paths[PathOf(kind, version)] = new JsonObject { ["patch"] = Patch(kind, version) };
        return new JsonObject
        {
            ["openapi"] = "3.0.0",
            ["info"] = new JsonObject { ["title"] = "Kubernetes", ["version"] = "unversioned" },
            ["paths"] = paths,
        };
    }

    /// <summary>The second version, in JSON.</summary>
    public JsonObject Swagger() => new()
    {
        ["swagger"] = "2.0",
        ["info"] = new JsonObject { ["title"] = "Kubernetes", ["version"] = "unversioned" },
        ["paths"] = new JsonObject(),
    };

    /// <summary>The second version, as the protobuf message <c>openapi.v2.Document</c>.</summary>
    public byte[] Binary()
    {
        ProtobufWriter paths = new();
        foreach (ResourceKind kind in kinds.All.Where(kind => !kind.Answered))
        {
            foreach (string version in kind.Versions)
            {
                paths.Message(2, path => path.Text(1, PathOf(kind, version)).Message(2, item => item.Message(8, patch => patch
                    .Message(8, DryRun)
                    .Message(13, extension => extension.Text(1, "x-kubernetes-group-version-kind").Message(2, value =>
                        value.Text(2, $"group: \"{kind.Group}\"\nkind: {kind.Kind}\nversion: {version}\n"))))));
            }
        }

        return new ProtobufWriter()
            .Text(1, "2.0")
            .Message(2, info => info.Text(1, "Kubernetes").Text(2, "unversioned"))
            .Bytes(8, paths.ToArray())
            .ToArray();
    }

    // ParametersItem.parameter.non_body_parameter.query_parameter_sub_schema
    private static void DryRun(ProtobufWriter item) => item.Message(1, parameter =>
        parameter.Message(2, nonBody => nonBody.Message(3, query => query.Text(2, "query").Text(4, "dryRun").Text(6, "string"))));

    private static string PathOf(ResourceKind kind, string version) =>
        $"/{(kind.Group.Length == 0 ? "api" : $"apis/{kind.Group}")}/{version}/{(kind.Namespaced ? "namespaces/{namespace}/" : "")}{kind.Plural}/{{name}}";

    private static JsonObject Patch(ResourceKind kind, string version) => new()
    {
        ["operationId"] = $"patch{kind.Kind}",
        ["parameters"] = new JsonArray(new JsonObject
        {
            ["name"] = "dryRun",
            ["in"] = "query",
            ["schema"] = new JsonObject { ["type"] = "string", ["uniqueItems"] = true },
        }),
        ["requestBody"] = new JsonObject
        {
            ["content"] = new JsonObject
            {
                ["application/apply-patch+yaml"] = new JsonObject(),
                ["application/merge-patch+json"] = new JsonObject(),
            },
        },
        ["responses"] = new JsonObject { ["200"] = new JsonObject { ["description"] = "OK" } },
        ["x-kubernetes-action"] = "patch",
        ["x-kubernetes-group-version-kind"] = new JsonObject { ["group"] = kind.Group, ["kind"] = kind.Kind, ["version"] = version },
    };

    /// <summary>Writes the length-delimited fields a protobuf message of texts and messages has.</summary>
    private sealed class ProtobufWriter
    {
        private readonly ArrayBufferWriter<byte> _output = new();

        public ProtobufWriter Text(int field, string text) => Bytes(field, Encoding.UTF8.GetBytes(text));

        public ProtobufWriter Message(int field, Action<ProtobufWriter> write)
        {
            ProtobufWriter inner = new();
            write(inner);
            return Bytes(field, inner.ToArray());
        }

        public ProtobufWriter Bytes(int field, byte[] bytes)
        {
            Number((field << 3) | 2);
            Number(bytes.Length);
            _output.Write(bytes);
            return this;
        }

        public byte[] ToArray() => _output.WrittenSpan.ToArray();

        private void Number(int value)
        {
            for (; value > 0x7f; value >>= 7)
                _output.Write([(byte)(value | 0x80)]);
            _output.Write([(byte)value]);
        }
    }
}
