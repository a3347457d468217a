namespace Ztunnel.Resources.Tests;

/// <summary>Edits of files as people write them: what is changed, and that nothing else is.</summary>
public sealed class ManifestEditorTests : IDisposable
{
    private static readonly ObjectKey Shop = new(ObjectKind.Namespace, "", "shop");

    private readonly TemporaryDirectory _files = new();

    public void Dispose() => _files.Dispose();

    [Theory]
    [InlineData("apiVersion: v1\nkind: Namespace\nmetadata:\n  name: shop # ours\n", "apiVersion: v1\nkind: Namespace\nmetadata:\n  labels:\n    istio.io/use-waypoint: wp\n  name: shop # ours\n")]
    [InlineData("apiVersion: v1\nkind: Namespace\nmetadata:\n  name: shop\n  labels:\n    # why\n    a: b\n", "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: shop\n  labels:\n    # why\n    istio.io/use-waypoint: wp\n    a: b\n")]
    [InlineData("apiVersion: v1\nkind: Namespace\nmetadata:\n  name: shop\n  labels: {a: b}\n", "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: shop\n  labels: {\"istio.io/use-waypoint\": \"wp\", a: b}\n")]
    [InlineData("apiVersion: v1\nkind: Namespace\nmetadata:\n  name: shop\n  labels: {}\n", "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: shop\n  labels: {\"istio.io/use-waypoint\": \"wp\"}\n")]
    [InlineData("apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n", "apiVersion: v1\nkind: Namespace\nmetadata: {\"labels\": {\"istio.io/use-waypoint\": \"wp\"}, name: shop}\n")]
    [InlineData("{\"apiVersion\": \"v1\", \"kind\": \"Namespace\", \"metadata\": {\"name\": \"shop\"}}", "{\"apiVersion\": \"v1\", \"kind\": \"Namespace\", \"metadata\": {\"labels\": {\"istio.io/use-waypoint\": \"wp\"}, \"name\": \"shop\"}}")]
    [InlineData("apiVersion: v1\nkind: Namespace\nmetadata:\n  labels:\n    istio.io/use-waypoint: 'old' # was\n  name: shop\n", "apiVersion: v1\nkind: Namespace\nmetadata:\n  labels:\n    istio.io/use-waypoint: \"wp\" # was\n  name: shop\n")]
    public void A_label_is_written_where_a_person_would(string before, string after)
    {
        _files.Write("ns.yaml", before);

        ManifestEditor.Open(_files.Path).SetLabel(Shop, "istio.io/use-waypoint", "wp");

        Assert.Equal(after, File.ReadAllText(_files.File("ns.yaml")));
        Assert.Equal("wp", ManifestEditor.Open(_files.Path).Find(Shop)!.Metadata.Labels["istio.io/use-waypoint"]);
    }

    [Fact]
    public void An_object_of_a_list_gets_its_label_too()
    {
        _files.Write("all.yaml", "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Namespace\n  metadata:\n    name: other\n- apiVersion: v1\n  kind: Namespace\n  metadata:\n    name: shop\n");

        ManifestEditor.Open(_files.Path).SetLabel(Shop, "a", "b");

        Assert.EndsWith("  metadata:\n    labels:\n      a: b\n    name: shop\n", File.ReadAllText(_files.File("all.yaml")), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("apiVersion: v1\nkind: Namespace\nmetadata:\n  name: shop\n  labels:\n")]
    [InlineData("apiVersion: v1\nkind: Namespace\nmetadata: &m\n  name: shop\n  labels: &l {a: b}\n---\napiVersion: v1\nkind: Namespace\nmetadata:\n  name: broken\n  labels: [\n")]
    public void What_cannot_be_changed_safely_is_left_alone(string text)
    {
        _files.Write("ns.yaml", text);
        ManifestEditor editor = ManifestEditor.Open(_files.Path);

        Assert.Throws<ManifestEditException>(() => editor.SetLabel(Shop, "a", "c"));

        Assert.Equal(text, File.ReadAllText(_files.File("ns.yaml")));
    }

    [Fact]
    public void An_object_is_taken_out_of_its_file_with_its_comments_and_the_rest_stays()
    {
        _files.Write("ns.yaml", "# first\napiVersion: v1\nkind: Namespace\nmetadata:\n  name: other\n---\n# the shop\napiVersion: v1\nkind: Namespace\nmetadata:\n  name: shop\n---\n# last\napiVersion: v1\nkind: Namespace\nmetadata:\n  name: third\n");

        ManifestEditor.Open(_files.Path).Remove(Shop);

        Assert.Equal("# first\napiVersion: v1\nkind: Namespace\nmetadata:\n  name: other\n---\n# last\napiVersion: v1\nkind: Namespace\nmetadata:\n  name: third\n", File.ReadAllText(_files.File("ns.yaml")));
    }

    [Fact]
    public void A_file_goes_with_the_last_of_its_objects()
    {
        _files.Write("ns.yaml", "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: shop\n");

        ManifestEditor.Open(_files.Path).Remove(Shop);

        Assert.False(File.Exists(_files.File("ns.yaml")));
    }

    [Fact]
    public void An_object_is_not_written_beside_itself_nor_over_others()
    {
        const string Text = "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: shop\n";
        _files.Write("ns.yaml", Text);
        _files.Write("others.yaml", "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: other\n");
        ManifestEditor editor = ManifestEditor.Open(_files.Path);

        Assert.Contains("ns.yaml:1", Assert.Throws<ManifestEditException>(() => editor.Write(Shop, "shop.yaml", Text)).Message, StringComparison.Ordinal);
        Assert.Throws<ManifestEditException>(() => editor.Write(new ObjectKey(ObjectKind.Namespace, "", "new"), "others.yaml", "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: new\n"));
        Assert.Equal(2, Directory.GetFiles(_files.Path).Length);
    }
}
