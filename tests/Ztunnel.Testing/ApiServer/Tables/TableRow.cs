using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Ztunnel.Testing.Api;

/// <summary>
/// The cells of one object's row. They are made once; only ages, which grow while the object stays the same, are put between
/// the ready pieces each time.
/// </summary>
internal sealed class TableRow
{
    private readonly byte[][] _pieces;
    private readonly DateTimeOffset[] _times;

    private TableRow(byte[][] pieces, DateTimeOffset[] times)
    {
        _pieces = pieces;
        _times = times;
    }

    /// <summary>The row of an object.</summary>
    public static TableRow Of(StoredObject value)
    {
        byte[] text = [.. "{"u8, .. value.Body];
        using JsonDocument document = JsonDocument.Parse(text);
        List<byte[]> pieces = [];
        List<DateTimeOffset> times = [];
        StringBuilder piece = new();
        foreach (TableColumn column in TableColumns.Of(value.Kind))
        {
            if (piece.Length > 0 || times.Count > 0)
                piece.Append(',');
            object? cell = column.Cell(document.RootElement);
            if (cell is DateTimeOffset time)
            {
                pieces.Add(Encoding.UTF8.GetBytes(piece.Append('"').ToString()));
                times.Add(time);
                piece.Clear().Append('"');
                continue;
            }

            piece.Append(cell switch
            {
                null => "null",
                IFormattable number => number.ToString(null, CultureInfo.InvariantCulture),
                _ => JsonSerializer.Serialize(cell.ToString()),
            });
        }

        pieces.Add(Encoding.UTF8.GetBytes(piece.ToString()));
        return new TableRow([.. pieces], [.. times]);
    }

    /// <summary>Writes the cells, separated by commas.</summary>
    public void Write(IBufferWriter<byte> output, DateTimeOffset now)
    {
        for (int i = 0; i < _times.Length; i++)
        {
            output.Write(_pieces[i]);
            output.Write(Encoding.UTF8.GetBytes(HumanDuration.Of(now - _times[i])));
        }

        output.Write(_pieces[^1]);
    }
}
