using System.Text;

namespace Ztunnel.Resources;

/// <summary>Reads one file of manifests: its documents, the lists in them, the objects in those.</summary>
internal sealed class ManifestReader
{
    private const int MaxListDepth = 4;

    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private static readonly IReadOnlySet<string> OfLists = Field.Names("apiVersion", "kind", "metadata");

    private readonly string _source;
    private readonly Dictionary<ObjectKey, (KubernetesObject Object, int Line)> _objects = [];
    private readonly List<ResourceProblem> _problems = [];
    private readonly List<(UnknownObject Object, ResourceProblem Place)> _unknown = [];
    private readonly HashSet<ObjectKey> _broken = [];
    private bool _hasUnnamed;

    private ManifestReader(string source) => _source = source;

    /// <summary>Reads a file's content. <paramref name="source"/> names the file in problems.</summary>
    public static ManifestFile Read(string source, ReadOnlySpan<byte> content)
    {
        var reader = new ManifestReader(source);
        if (reader.Decode(content) is { } text)
            reader.ReadText(text);
        return new ManifestFile
        {
            Objects = reader._objects,
            Problems = reader._problems,
            Unknown = reader._unknown,
            Broken = reader._broken,
            HasUnnamed = reader._hasUnnamed,
        };
    }

    private string? Decode(ReadOnlySpan<byte> content)
    {
        try
        {
            return StrictUtf8.GetString(content);
        }
        catch (DecoderFallbackException error)
        {
            int line = 1 + content[..Math.Clamp(error.Index, 0, content.Length)].Count((byte)'\n');
            Unnamed(new YamlFault(line, 0, "not UTF-8 text"));
            return null;
        }
    }

    private void ReadText(string text)
    {
        foreach (YamlDocument document in YamlText.Read(text))
        {
            if (document.Fault is not null)
                Unnamed(document.Fault);
            else
                ReadObject(document.Root!, null, 0);
        }
    }

    /// <summary>Reads an object or a list of objects; <paramref name="implied"/> is what the items of a typed list need not say.</summary>
    private void ReadObject(YamlNode node, (string ApiVersion, string Kind)? implied, int depth)
    {
        var reading = new ObjectReading(_source);
        var root = new Field(reading, node);
        string? apiVersion = root["apiVersion"].Present ? root["apiVersion"].RequiredText() : implied?.ApiVersion;
        string? kindName = root["kind"].Present ? root["kind"].RequiredText() : implied?.Kind;
        if (!reading.HasMistakes && (apiVersion is null || kindName is null))
            (apiVersion is null ? root["apiVersion"] : root["kind"]).Problem("is required");
        if (apiVersion is null || kindName is null)
        {
            _hasUnnamed = true;
            _problems.AddRange(reading.Problems);
        }
        else if (kindName is "List" || (kindName.EndsWith("List", StringComparison.Ordinal) && root["items"].Present))
        {
            ReadList(root, node, apiVersion, kindName, depth);
            _hasUnnamed |= reading.HasMistakes;
            _problems.AddRange(reading.Problems);
        }
        else if (ObjectReader.KindOf(apiVersion, kindName) is { } kind)
        {
            Add(ObjectReader.Read(kind, root, reading), reading, node);
        }
        else if (MisspeltKind.Find(apiVersion, kindName) is { } meant)
        {
            ObjectKey? key = ObjectReader.ReadKey(meant, root["metadata"], reading);
            MisspeltKind.Tell(meant, root, apiVersion, kindName);
            Add((key, StandInFor(meant, node)), reading, node);
        }
        else if (root["items"].Present)
        {
            root["kind"].Problem($"expected a kind that ends in List, as there are items, got \"{YamlScalar.Show(kindName)}\"");
            _hasUnnamed = true;
            _problems.AddRange(reading.Problems);
        }
        else
        {
            AddUnknown(node, root, apiVersion, kindName);
        }
    }

    /// <summary>What stands in for an object of a misspelt kind, whose other mistakes are told when its kind is right.</summary>
    private KubernetesObject? StandInFor(ObjectKind meant, YamlNode node)
    {
        var unheard = new ObjectReading(_source);
        KubernetesObject? read = ObjectReader.Read(meant, new Field(unheard, node), unheard).Object;
        return read is { StandsIn: false } ? read.StandIn() : read;
    }

    private void AddUnknown(YamlNode node, Field root, string apiVersion, string kindName)
    {
        // Whatever is wrong with it is its owner's to mind.
        UnknownObject unknown = UnknownObject.Read(new Field(new ObjectReading(_source), node), apiVersion, kindName);
        YamlNode place = root["kind"].Place;
        _unknown.Add((unknown, new ResourceProblem { Source = _source, Line = place.Line, Column = place.Column, Field = "kind", Message = unknown.KindName }));
    }

    private void ReadList(Field root, YamlNode node, string apiVersion, string kindName, int depth)
    {
        if (depth >= MaxListDepth)
        {
            Unnamed(new YamlFault(node.Line, node.Column, $"lists stand more than {MaxListDepth} deep in one another"));
            return;
        }

        string itemKind = kindName[..^"List".Length];
        foreach (Field item in root["items"].Items())
            ReadObject(item.Place, itemKind.Length == 0 ? null : (apiVersion, itemKind), depth + 1);
        root.Also(OfLists).CheckNames(UnknownFields.Remarked);
    }

    private void Add((ObjectKey? Key, KubernetesObject? Object) read, ObjectReading reading, YamlNode node)
    {
        _problems.AddRange(reading.Problems);
        if (read.Key is null)
            _hasUnnamed = true;
        else if (_objects.TryGetValue(read.Key, out (KubernetesObject Object, int Line) first))
            _problems.Add(ManifestProblems.Duplicate(new Origin(_source, node.Line), read.Key, new Origin(_source, first.Line)));
        else
            AddFirst(read.Key, read.Object, node.Line);
    }

    private void AddFirst(ObjectKey key, KubernetesObject? @object, int line)
    {
        if (@object is null or { StandsIn: true })
            _broken.Add(key);
        if (@object is not null)
            _objects.Add(key, (@object, line));
    }

    private void Unnamed(YamlFault fault)
    {
        _hasUnnamed = true;
        _problems.Add(new ResourceProblem { Source = _source, Line = fault.Line, Column = fault.Column, Message = fault.Message });
    }
}
