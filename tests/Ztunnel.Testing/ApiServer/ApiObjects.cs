using System.Text.Json.Nodes;
using Ztunnel.Testing.Api;

namespace Ztunnel.Testing;

/// <summary>
/// The objects of an <see cref="ApiServer"/>, for a test to set up and look at without a request: past authorization and past the
/// rule that a status is written by its own path. Kinds are named as in <c>apiVersion</c> and <c>kind</c>.
/// </summary>
public sealed class ApiObjects
{
    private readonly Store _store;
    private readonly KindTable _kinds;
    private readonly Creation _creation;
    private readonly Change _change;
    private readonly Deletion _deletion;

    internal ApiObjects(Store store, KindTable kinds, Creation creation, Change change, Deletion deletion)
    {
        _store = store;
        _kinds = kinds;
        _creation = creation;
        _change = change;
        _deletion = deletion;
    }

    /// <summary>The resource version of the last change.</summary>
    public long Version => _store.Version;

    /// <summary>
    /// Creates or replaces the objects of a YAML or JSON text, status included; a namespace that is missing is made. Objects of
    /// kinds that are in namespaces and name none are put into <c>default</c>. Returns the last of them as kept.
    /// </summary>
    public JsonObject Put(string manifests)
    {
        JsonObject? last = null;
        foreach (JsonNode node in YamlJson.Read(manifests))
            last = Put(node.AsObject());
        return last ?? throw new ArgumentException("there is no object in the text", nameof(manifests));
    }

    /// <summary>Creates or replaces one object, status included.</summary>
    public JsonObject Put(JsonObject value)
    {
        JsonObject whole = value.DeepClone().AsObject();
        string apiVersion = (string?)whole["apiVersion"] ?? "", kindName = (string?)whole["kind"] ?? "";
        ResourceKind kind = KindOf(apiVersion, kindName);
        JsonObject metadata = Metadata.Of(whole);
        string ns = kind.Namespaced ? (string?)metadata["namespace"] ?? "default" : "";
        whole = Incoming.ToKept(kind, whole);
        lock (_store.Gate)
        {
            if (kind.Namespaced && _store.Find(CoreKinds.Namespaces, "", ns) is null)
                Put(new JsonObject { ["apiVersion"] = "v1", ["kind"] = "Namespace", ["metadata"] = new JsonObject { ["name"] = ns } });
            if ((string?)metadata["name"] is not { } name || _store.Find(kind, ns, name) is not { } existing)
                return _creation.Create(kind, ns, whole, WriteContext.SetUp).ToJson();
            metadata["resourceVersion"] ??= $"{existing.Version}";
            return _change.Update(kind, ns, name, status: false, _ => whole, WriteContext.SetUp).ToJson();
        }
    }

    /// <summary>An object, or null. <paramref name="ns"/> is empty for cluster-wide kinds.</summary>
    public JsonObject? Get(string apiVersion, string kind, string ns, string name) =>
        _store.Find(KindOf(apiVersion, kind), ns, name)?.ToJson();

    /// <summary>The objects of a kind, of one namespace or of all, in the order of their keys.</summary>
    public IReadOnlyList<JsonObject> List(string apiVersion, string kind, string? ns = null) =>
        [.. Collection.In(_store.Of(KindOf(apiVersion, kind)).Objects, ns).Select(value => value.ToJson())];

    /// <summary>How many objects of a kind there are.</summary>
    public int Count(string apiVersion, string kind) => _store.Of(KindOf(apiVersion, kind)).Objects.Count;

    /// <summary>Deletes an object at once, without a grace period; finalizers hold it. Returns whether there was one.</summary>
    public bool Delete(string apiVersion, string kind, string ns, string name)
    {
        lock (_store.Gate)
        {
            ResourceKind known = KindOf(apiVersion, kind);
            if (_store.Find(known, ns, name) is null)
                return false;
            _deletion.Delete(known, ns, name, new Api.DeleteOptions(GracePeriod: 0));
            return true;
        }
    }

    private ResourceKind KindOf(string apiVersion, string kind) =>
        _kinds.OfObject(apiVersion, kind) ?? throw new ArgumentException($"the server has no kind {kind} in {apiVersion}", nameof(kind));
}
