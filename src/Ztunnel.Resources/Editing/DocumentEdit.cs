namespace Ztunnel.Resources;

/// <summary>Finds an object's document in a text, and takes it out.</summary>
internal static class DocumentEdit
{
    /// <summary>The object's node, in a document of its own or in a list; null when it is not there.</summary>
    public static YamlNode? Find(string text, ObjectKey key) =>
        YamlText.Read(text).Select(document => Find(document.Root, key)).FirstOrDefault(found => found is not null);

    /// <summary>The text without the object; null when it has no document of its own.</summary>
    public static string? Remove(string text, ObjectKey key)
    {
        foreach ((string part, int linesBefore) in YamlText.Split(text))
        {
            if (YamlText.Read(part).FirstOrDefault() is not { Root: { } root } || !Is(root, key))
                continue;
            string[] lines = text.Split('\n');
            int count = part.Split('\n').Length - (part.EndsWith('\n') ? 1 : 0);
            return string.Join('\n', [.. lines[..linesBefore], .. lines[(linesBefore + count)..]]);
        }

        return null;
    }

    private static YamlNode? Find(YamlNode? node, ObjectKey key)
    {
        if (node is null || Is(node, key))
            return node;
        return node is YamlMapping list && list.Find("items") is YamlSequence items
            ? items.Items.Select(item => Find(item, key)).FirstOrDefault(found => found is not null)
            : null;
    }

    private static bool Is(YamlNode node, ObjectKey key)
    {
        var reading = new ObjectReading("");
        var root = new Field(reading, node);
        string? apiVersion = root["apiVersion"].Text(), kind = root["kind"].Text();
        return apiVersion is not null && kind is not null
            && ObjectReader.KindOf(apiVersion, kind) == key.Kind
            && ObjectReader.ReadKey(key.Kind, root["metadata"], reading) == key;
    }
}
