namespace Ztunnel.Resources.Tests;

public sealed class ManifestJsonTests
{
    [Theory]
    [InlineData("a: 1\nb: [x, '2', true, ~, 1.5]", """{"a":1,"b":["x","2",true,null,1.5]}""")]
    [InlineData("{\"a\": {\"b\": \"c\"}}", """{"a":{"b":"c"}}""")]
    [InlineData("a: &x {b: 1}\nc: *x", """{"a":{"b":1},"c":{"b":1}}""")]
    public void Yaml_is_the_json_it_stands_for(string yaml, string json) => Assert.Equal(json, ManifestJson.Parse(yaml)!.ToJsonString());

    [Theory]
    [InlineData("")]
    [InlineData("# nothing")]
    public void Nothing_is_nothing(string yaml) => Assert.Null(ManifestJson.Parse(yaml));

    [Theory]
    [InlineData("a: 1\na: 2", "line 2: a is given twice")]
    [InlineData("a: 1\n---\nb: 1", "expected one YAML document")]
    [InlineData("a: ]", "line 1: not valid")]
    [InlineData("a: .inf", "line 1: the number .inf")]
    public void What_cannot_be_json_is_refused_with_its_line(string yaml, string said) =>
        Assert.Contains(said, Assert.Throws<FormatException>(() => ManifestJson.Parse(yaml)).Message, StringComparison.Ordinal);
}
