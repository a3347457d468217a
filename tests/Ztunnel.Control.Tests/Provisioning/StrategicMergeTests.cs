using System.Text.Json.Nodes;
using Ztunnel.Resources;

namespace Ztunnel.Control.Tests;

/// <summary>Strategic merge patches, with the directives of kubectl's documentation.</summary>
public sealed class StrategicMergeTests
{
    [Theory]
    [InlineData("{a: 1, b: {c: 2}}", "{b: {d: 3}}", """{"a":1,"b":{"c":2,"d":3}}""")]
    [InlineData("{a: 1, b: 2}", "{a: null}", """{"b":2}""")]
    [InlineData("{a: {b: 1}}", "{a: {$patch: replace, c: 2}}", """{"a":{"c":2}}""")]
    [InlineData("{a: {b: 1}, c: 1}", "{a: {$patch: delete}}", """{"c":1}""")]
    [InlineData("{args: [a, b]}", "{args: [c]}", """{"args":["c"]}""")]
    [InlineData("{env: [{name: A, value: a}, {name: B, value: b}]}", "{env: [{name: A, value: z}, {name: C}]}", """{"env":[{"name":"A","value":"z"},{"name":"B","value":"b"},{"name":"C"}]}""")]
    [InlineData("{env: [{name: A}, {name: B}]}", "{env: [{name: A, $patch: delete}]}", """{"env":[{"name":"B"}]}""")]
    [InlineData("{env: [{name: A}, {name: B}]}", "{env: [{$patch: replace}, {name: C}]}", """{"env":[{"name":"C"}]}""")]
    [InlineData("{env: [{name: A}]}", "{env: [{name: B}], $setElementOrder/env: [{name: B}, {name: A}]}", """{"env":[{"name":"B"},{"name":"A"}]}""")]
    [InlineData("{finalizers: [a]}", "{finalizers: [b, a]}", """{"finalizers":["a","b"]}""")]
    [InlineData("{finalizers: [a, b]}", "{$deleteFromPrimitiveList/finalizers: [a]}", """{"finalizers":["b"]}""")]
    [InlineData("{strategy: {type: RollingUpdate, rollingUpdate: {}}}", "{strategy: {$retainKeys: [type], type: Recreate}}", """{"strategy":{"type":"Recreate"}}""")]
    [InlineData("{containers: [{name: a, ports: [{containerPort: 1, name: x}]}]}", "{containers: [{name: a, ports: [{containerPort: 1, protocol: UDP}]}]}", """{"containers":[{"name":"a","ports":[{"containerPort":1,"name":"x","protocol":"UDP"}]}]}""")]
    [InlineData("{ports: [{port: 1, name: x}]}", "{ports: [{port: 1, nodePort: 2}]}", """{"ports":[{"port":1,"name":"x","nodePort":2}]}""")]
    [InlineData("{}", "{env: [{name: A, $patch: delete}]}", """{"env":[]}""")]
    public void A_patch_is_merged_by_what_things_are_called(string original, string patch, string expected) =>
        Assert.Equal(expected, StrategicMerge.Apply(Parse(original), Parse(patch)).ToJsonString());

    [Fact]
    public void Neither_side_is_changed()
    {
        JsonObject original = Parse("{env: [{name: A}]}"), patch = Parse("{env: [{name: A, value: x}]}");
        StrategicMerge.Apply(original, patch);
        Assert.Equal("""{"env":[{"name":"A"}]}""", original.ToJsonString());
        Assert.Equal("""{"env":[{"name":"A","value":"x"}]}""", patch.ToJsonString());
    }

    private static JsonObject Parse(string yaml) => ManifestJson.Parse(yaml)!.AsObject();
}
