using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Microsoft.Extensions.Logging;

namespace Ztunnel.Telemetry;

/// <summary>
/// A growing buffer of log lines in one format. Whatever a value holds, it stays on its line and inside its field: names
/// of workloads and CONNECT authorities come from others and must not be able to write lines of their own.
/// Used by the writer's thread only.
/// </summary>
internal sealed class LineBuffer : IBufferWriter<byte>, IDisposable
{
    private const string TimeFormat = "yyyy-MM-ddTHH:mm:ss.ffffffZ";

    // What may stand without quotes: enough for ip:port, [ip%zone]:port and hostname:port.
    private static readonly SearchValues<char> BareCharacters =
        SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:-_[]%");

    // Printable ASCII but the quote and the backslash: what nearly all values are made of, and needs no second look.
    private static readonly SearchValues<char> PlainCharacters =
        SearchValues.Create([.. Enumerable.Range(' ', 0x7f - ' ').Select(code => (char)code).Where(c => c is not ('"' or '\\'))]);

    private readonly Utf8JsonWriter? _json;
    private byte[] _bytes = new byte[16 * 1024];
    private bool _hasFields;

    public LineBuffer(LogFormat format)
    {
        // Lines are read by log tools, never by a browser: only what JSON itself asks for is escaped.
        if (format == LogFormat.Json)
            _json = new Utf8JsonWriter(this, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
    }

    public int Length { get; private set; }

    public ReadOnlySpan<byte> Written => _bytes.AsSpan(0, Length);

    public void Clear() => Truncate(0);

    /// <summary>Forgets everything from <paramref name="length"/> on, a line begun and not ended included.</summary>
    public void Truncate(int length)
    {
        _json?.Reset();
        Length = length;
    }

    public void Begin(DateTimeOffset time, LogLevel level, string scope, string message)
    {
        if (_json is not null)
        {
            _json.WriteStartObject();
            _json.WriteString("level", NameOf(level));
            _json.WriteString("time", time.UtcDateTime.ToString(TimeFormat, CultureInfo.InvariantCulture));
            _json.WriteString("scope", scope);
            _json.WriteString("message", message);
            return;
        }

        _hasFields = false;
        time.UtcDateTime.TryFormat(GetSpan(TimeFormat.Length), out int written, TimeFormat, CultureInfo.InvariantCulture);
        Advance(written);
        Ascii("\t"u8);
        Escaped(NameOf(level));
        Ascii("\t"u8);
        Escaped(scope);
        Ascii("\t"u8);
        Escaped(message);
    }

    /// <summary>A field whose value stands in quotes; nothing when it is null.</summary>
    public void Text(string name, string? value)
    {
        if (value is null)
            return;
        if (_json is not null)
        {
            _json.WriteString(name, value);
            return;
        }

        Name(name);
        Ascii("\""u8);
        Escaped(value);
        Ascii("\""u8);
    }

    /// <summary>A field whose value stands without quotes as long as it looks like an address; nothing when it is null.</summary>
    public void Bare(string name, string? value)
    {
        if (_json is not null || value is null || value.AsSpan().ContainsAnyExcept(BareCharacters))
        {
            Text(name, value);
            return;
        }

        Name(name);
        Escaped(value);
    }

    public void Number(string name, long value)
    {
        if (_json is not null)
        {
            _json.WriteNumber(name, value);
            return;
        }

        Name(name);
        value.TryFormat(GetSpan(20), out int written, provider: CultureInfo.InvariantCulture);
        Advance(written);
    }

    public void End()
    {
        if (_json is not null)
        {
            _json.WriteEndObject();
            _json.Flush();
            _json.Reset();
        }

        Ascii("\n"u8);
    }

    public void Dispose() => _json?.Dispose();

    void IBufferWriter<byte>.Advance(int count) => Advance(count);

    Memory<byte> IBufferWriter<byte>.GetMemory(int sizeHint)
    {
        Reserve(sizeHint);
        return _bytes.AsMemory(Length);
    }

    Span<byte> IBufferWriter<byte>.GetSpan(int sizeHint) => GetSpan(sizeHint);

    private static string NameOf(LogLevel level) => level switch
    {
        LogLevel.Trace => "trace",
        LogLevel.Debug => "debug",
        LogLevel.Information => "info",
        LogLevel.Warning => "warn",
        _ => "error",
    };

    private void Advance(int count) => Length += count;

    private Span<byte> GetSpan(int sizeHint)
    {
        Reserve(sizeHint);
        return _bytes.AsSpan(Length);
    }

    private void Reserve(int sizeHint)
    {
        int needed = Length + Math.Max(sizeHint, 1);
        if (needed > _bytes.Length)
            Array.Resize(ref _bytes, Math.Max(needed, _bytes.Length * 2));
    }

    private void Name(string name)
    {
        Ascii(_hasFields ? " "u8 : "\t"u8);
        _hasFields = true;
        Escaped(name);
        Ascii("="u8);
    }

    private void Ascii(ReadOnlySpan<byte> text)
    {
        text.CopyTo(GetSpan(text.Length));
        Advance(text.Length);
    }

    private void Escaped(string value)
    {
        if (!value.AsSpan().ContainsAnyExcept(PlainCharacters))
        {
            Advance(Encoding.ASCII.GetBytes(value, GetSpan(value.Length)));
            return;
        }

        foreach (Rune rune in value.EnumerateRunes())
        {
            switch (rune.Value)
            {
                case '"':
                    Ascii("\\\""u8);
                    break;
                case '\\':
                    Ascii("\\\\"u8);
                    break;
                case '\n':
                    Ascii("\\n"u8);
                    break;
                case '\r':
                    Ascii("\\r"u8);
                    break;
                case '\t':
                    Ascii("\\t"u8);
                    break;
                default:
                    if (IsPrintable(rune))
                        Advance(rune.EncodeToUtf8(GetSpan(4)));
                    else
                        Ascii(Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"\\u{{{rune.Value:x}}}")));
                    break;
            }
        }
    }

    // Separators and format characters (U+2028, bidirectional overrides) can move what a person sees on a terminal.
    private static bool IsPrintable(Rune rune) => rune.IsAscii
        ? rune.Value is >= ' ' and < 0x7f
        : Rune.GetUnicodeCategory(rune) is not (UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.Surrogate
            or UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned
            or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator);
}
