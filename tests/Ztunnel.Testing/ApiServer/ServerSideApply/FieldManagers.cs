using System.Text.Json.Nodes;

namespace Ztunnel.Testing.Api;

/// <summary>Who owns which fields of an object: <c>metadata.managedFields</c>.</summary>
internal sealed class FieldManagers
{
    private readonly List<Entry> _entries;

    private FieldManagers(List<Entry> entries) => _entries = entries;

    /// <summary>Who writes: a name, the way of writing, the version the fields are told in and the path (subresource) they go by.</summary>
    public sealed record Manager(string Name, string Operation, string ApiVersion, string Subresource)
    {
        /// <summary>Whether it is one owner, whichever version it speaks.</summary>
        public bool Is(Manager other) => Name == other.Name && Operation == other.Operation && Subresource == other.Subresource;

        /// <summary>As conflicts name it.</summary>
        public override string ToString()
        {
            string name = Subresource.Length == 0 ? $"\"{Name}\"" : $"\"{Name}\" with subresource \"{Subresource}\"";
            return Operation == "Update" ? $"{name} using {ApiVersion}" : name;
        }
    }

    /// <summary>All owners with what they own.</summary>
    public IEnumerable<(Manager Manager, FieldSet Fields)> All => _entries.Select(entry => (entry.Manager, entry.Fields));

    /// <summary>Reads the owners of an object.</summary>
    public static FieldManagers Of(JsonObject value)
    {
        List<Entry> entries = [];
        foreach (JsonNode? item in Metadata.Of(value)["managedFields"] as JsonArray ?? [])
        {
            Manager manager = new(
                (string?)item?["manager"] ?? "", (string?)item?["operation"] ?? "", (string?)item?["apiVersion"] ?? "",
                (string?)item?["subresource"] ?? "");
            entries.Add(new Entry(manager, FieldSet.Parse(item?["fieldsV1"]), (string?)item?["time"]));
        }

        return new FieldManagers(entries);
    }

    /// <summary>What an owner owns.</summary>
    public FieldSet FieldsOf(Manager manager) => _entries.Find(entry => entry.Manager.Is(manager))?.Fields ?? new FieldSet();

    /// <summary>What all others own together.</summary>
    public FieldSet FieldsOfOthers(Manager manager) => _entries
        .Where(entry => !entry.Manager.Is(manager))
        .Aggregate(new FieldSet(), (all, entry) => all.Union(entry.Fields));

    /// <summary>Sets what an owner owns; one that owns nothing is forgotten.</summary>
    public void Set(Manager manager, FieldSet fields, string now)
    {
        Entry? old = _entries.Find(entry => entry.Manager.Is(manager));
        bool same = old is not null && JsonNode.DeepEquals(old.Fields.ToJson(), fields.ToJson());
        int at = old is null ? _entries.Count : _entries.IndexOf(old);
        if (old is not null)
            _entries.Remove(old);
        if (!fields.IsEmpty)
            _entries.Insert(at, new Entry(manager, fields, same ? old!.Time : now));
    }

    /// <summary>Takes fields from all owners but one.</summary>
    public void TakeFromOthers(Manager manager, FieldSet fields, string now)
    {
        foreach (Entry entry in _entries.Where(entry => !entry.Manager.Is(manager)).ToArray())
            Set(entry.Manager, entry.Fields.Except(fields), now);
    }

    /// <summary>Writes the owners into an object.</summary>
    public void WriteTo(JsonObject value)
    {
        JsonObject metadata = Metadata.Of(value);
        metadata.Remove("managedFields");
        if (_entries.Count > 0)
            metadata["managedFields"] = new JsonArray([.. _entries.Select(entry => entry.ToJson())]);
    }

    private sealed record Entry(Manager Manager, FieldSet Fields, string? Time)
    {
        public JsonObject ToJson()
        {
            JsonObject json = new()
            {
                ["manager"] = Manager.Name,
                ["operation"] = Manager.Operation,
                ["apiVersion"] = Manager.ApiVersion,
                ["time"] = Time,
                ["fieldsType"] = "FieldsV1",
                ["fieldsV1"] = Fields.ToJson(),
            };
            if (Manager.Subresource.Length > 0)
                json["subresource"] = Manager.Subresource;
            return json;
        }
    }
}
