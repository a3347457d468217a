using System.Runtime.CompilerServices;
using System.Text.Json;

namespace Ztunnel.Kubernetes;

/// <summary>A list as the server sends it, or a page of one; a table's rows are its items.</summary>
internal sealed class ListPage(JsonValues values, bool asTable)
{
    /// <summary>The version the list is of, once it has been read.</summary>
    public string? Version { get; private set; }

    /// <summary>What to ask for the next page with; null when this is the last.</summary>
    public string? Next { get; private set; }

    /// <summary>The names of a table's columns.</summary>
    public IReadOnlyList<string>? Columns { get; private set; }

    /// <summary>The items, each the caller's to dispose. To be read to the end, once.</summary>
    public async IAsyncEnumerable<JsonDocument> Items([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await values.Enter(cancellationToken);
        while (await values.NextName(cancellationToken) is { } name)
        {
            if (name == (asTable ? "rows" : "items"))
            {
                if (!await values.EnterList(cancellationToken))
                    continue;
                while (await values.Next(cancellationToken) is { } item)
                    yield return item;
                continue;
            }

            using JsonDocument? value = await values.Next(cancellationToken);
            Take(name, value!.RootElement);
        }
    }

    public static IReadOnlyList<string>? ColumnsOf(JsonElement definitions) =>
        definitions.ValueKind == JsonValueKind.Array && definitions.GetArrayLength() > 0
            ? [.. definitions.EnumerateArray().Select(column => JsonMembers.Text(column, "name") ?? "")]
            : null;

    private void Take(string name, JsonElement value)
    {
        if (name is "metadata")
        {
            Version = JsonMembers.Text(value, "resourceVersion");
            Next = JsonMembers.Text(value, "continue") is { Length: > 0 } next ? next : null;
        }
        else if (name is "columnDefinitions")
        {
            Columns = ColumnsOf(value);
        }
    }
}
