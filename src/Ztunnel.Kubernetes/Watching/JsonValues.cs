using System.Buffers;
using System.Text.Json;

namespace Ztunnel.Kubernetes;

/// <summary>
/// Reads JSON as it comes: the frames of a watch, or the items of a list one by one, so that a list of any length costs the
/// memory of one item.
/// </summary>
internal sealed class JsonValues(Stream stream, TimeSpan silence, TimeProvider time) : IDisposable
{
    // The most etcd keeps of one object is 1.5 MB, and JSON may be some times that.
    private const int Longest = 32 * 1024 * 1024;
    private const int FirstLength = 16 * 1024;

    private static readonly JsonReaderOptions Reading = new() { AllowMultipleValues = true, MaxDepth = 256 };

    private readonly CancellationTokenSource _silent = new(Timeout.InfiniteTimeSpan, time);
    private byte[] _buffer = ArrayPool<byte>.Shared.Rent(FirstLength);
    private JsonReaderState _state = new(Reading);
    private int _start;
    private int _end;
    private bool _ended;
    private bool _inside;

    private delegate bool Step<T>(ref Utf8JsonReader reader, out T result);

    /// <summary>The next whole value, the caller's to dispose; null at the end. Throws <see cref="JsonException"/> where it breaks off.</summary>
    public ValueTask<JsonDocument?> Next(CancellationToken cancellationToken) => Take<JsonDocument?>(NextValue, cancellationToken);

    /// <summary>Goes into the object that begins here.</summary>
    public async ValueTask Enter(CancellationToken cancellationToken)
    {
        if (await Take<JsonTokenType>(NextToken, cancellationToken) != JsonTokenType.StartObject)
            throw new JsonException("expected an object");
        _inside = true;
    }

    /// <summary>The name of the next property of the object; null at its end.</summary>
    public ValueTask<string?> NextName(CancellationToken cancellationToken) => Take<string?>(NextName, cancellationToken);

    /// <summary>Goes into the list that is the property's value; false where it is null.</summary>
    public async ValueTask<bool> EnterList(CancellationToken cancellationToken) => await Take<JsonTokenType>(NextToken, cancellationToken) switch
    {
        JsonTokenType.StartArray => true,
        JsonTokenType.Null => false,
        _ => throw new JsonException("expected a list"),
    };

    /// <inheritdoc/>
    public void Dispose()
    {
        _silent.Dispose();
        ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = [];
    }

    private static bool NextToken(ref Utf8JsonReader reader, out JsonTokenType token)
    {
        bool read = reader.Read();
        token = reader.TokenType;
        return read;
    }

    private static bool NextName(ref Utf8JsonReader reader, out string? name)
    {
        bool read = reader.Read();
        name = read && reader.TokenType == JsonTokenType.PropertyName ? reader.GetString() : null;
        return read;
    }

    /// <summary>A value, or the end of the list that is being read.</summary>
    private static bool NextValue(ref Utf8JsonReader reader, out JsonDocument? value)
    {
        value = null;
        return reader.Read() && (reader.TokenType == JsonTokenType.EndArray || JsonDocument.TryParseValue(ref reader, out value));
    }

    private async ValueTask<T> Take<T>(Step<T> step, CancellationToken cancellationToken)
    {
        T result;
        while (!TryTake(step, out result))
        {
            // Between two frames there is nothing but white space.
            if (_ended && !_inside && default(T) is null && _buffer.AsSpan(_start, _end - _start).Trim(" \r\n\t"u8).IsEmpty)
                return default!;
            if (_ended)
                throw new JsonException("the answer breaks off");
            await Fill(cancellationToken);
        }

        return result;
    }

    private bool TryTake<T>(Step<T> step, out T result)
    {
        var reader = new Utf8JsonReader(_buffer.AsSpan(_start, _end - _start), isFinalBlock: false, _state);
        if (!step(ref reader, out result))
            return false;
        _start += (int)reader.BytesConsumed;
        _state = reader.CurrentState;
        return true;
    }

    private async ValueTask Fill(CancellationToken cancellationToken)
    {
        if (_start > 0)
        {
            _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
            (_start, _end) = (0, _end - _start);
        }

        if (_end == _buffer.Length)
        {
            if (_buffer.Length >= Longest)
                throw new JsonException($"one value is more than {Longest} bytes long");
            byte[] larger = ArrayPool<byte>.Shared.Rent(_buffer.Length * 2);
            _buffer.AsSpan(0, _end).CopyTo(larger);
            ArrayPool<byte>.Shared.Return(_buffer);
            _buffer = larger;
        }

        _silent.CancelAfter(silence);
        await using CancellationTokenRegistration given = cancellationToken.Register(static silent => ((CancellationTokenSource)silent!).Cancel(), _silent);
        int read = await stream.ReadAsync(_buffer.AsMemory(_end), _silent.Token);
        _silent.CancelAfter(Timeout.InfiniteTimeSpan);
        _ended = read == 0;
        _end += read;
    }
}
