using System.Buffers;
using System.Text;

namespace Ztunnel.Hbone.Wire;

/// <summary>
/// Whether a decoded field section is well-formed (RFC 9113 sections 8.2, 8.3 and 8.5). What is returned is a stream error
/// PROTOCOL_ERROR, or null.
/// </summary>
public static class HeaderRules
{
    private static readonly SearchValues<byte> NameBytes =
        SearchValues.Create("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"u8);

    private static readonly SearchValues<byte> ForbiddenValueBytes = SearchValues.Create("\0\r\n"u8);

    /// <summary>
    /// Checks a request. <paramref name="isConnect"/> tells a plain CONNECT (<c>:authority</c> present, no <c>:scheme</c> or
    /// <c>:path</c>) from any other well-formed request, which HBONE does not serve.
    /// </summary>
    public static Violation? CheckRequest(HeaderList headers, out bool isConnect)
    {
        ArgumentNullException.ThrowIfNull(headers);
        const Pseudo Request = Pseudo.Method | Pseudo.Scheme | Pseudo.Path | Pseudo.Authority;
        isConnect = false;
        if (CheckFields(headers, Request, out Pseudo seen) is { } violation)
            return violation;
        if (!headers.TryGet(KnownHeader.Method, out ReadOnlySpan<byte> method) || method.IsEmpty)
            return Violations.PseudoHeaderMissing;

        isConnect = method.SequenceEqual("CONNECT"u8);
        if (isConnect)
            return CheckConnect(headers, seen);
        if (!HasValue(headers, KnownHeader.Scheme) || !HasValue(headers, KnownHeader.Path))
            return Violations.PseudoHeaderMissing;
        return CheckHost(headers);
    }

    /// <summary>Checks a response and gives its status, 100 to 599; 1xx are interim.</summary>
    public static Violation? CheckResponse(HeaderList headers, out int status)
    {
        ArgumentNullException.ThrowIfNull(headers);
        status = 0;
        if (CheckFields(headers, Pseudo.Status, out _) is { } violation)
            return violation;
        if (!headers.TryGet(KnownHeader.Status, out ReadOnlySpan<byte> value))
            return Violations.PseudoHeaderMissing;
        if (value.Length != 3 || value[0] is < (byte)'1' or > (byte)'5' || !IsDigit(value[1]) || !IsDigit(value[2]))
            return Violations.StatusInvalid;

        int code = (value[0] - '0') * 100 + (value[1] - '0') * 10 + (value[2] - '0');
        if (code == 101)
            return Violations.StatusInvalid;
        status = code;
        return null;
    }

    /// <summary>Whether a regular field may have that name: a token (RFC 9110 section 5.1) without upper case.</summary>
    internal static bool IsName(ReadOnlySpan<byte> name) => !name.IsEmpty && !name.ContainsAnyExcept(NameBytes);

    /// <summary>Whether text of ours may be a field value: visible ASCII, with spaces and tabs inside only.</summary>
    internal static bool IsValue(ReadOnlySpan<char> value)
    {
        if (value.IsEmpty)
            return true;
        return !IsBlank(value[0]) && !IsBlank(value[^1]) && IsText(value);

        static bool IsText(ReadOnlySpan<char> text)
        {
            foreach (char character in text)
            {
                if (character is (< ' ' and not '\t') or > '~')
                    return false;
            }

            return true;
        }
    }

    private static bool IsValue(ReadOnlySpan<byte> value) =>
        value.IsEmpty || (!IsBlank((char)value[0]) && !IsBlank((char)value[^1]) && !value.ContainsAny(ForbiddenValueBytes));

    private static bool IsBlank(char character) => character is ' ' or '\t';

    private static bool IsDigit(byte character) => character is >= (byte)'0' and <= (byte)'9';

    private static bool HasValue(HeaderList headers, KnownHeader name) =>
        headers.TryGet(name, out ReadOnlySpan<byte> value) && !value.IsEmpty;

    private static Violation? CheckConnect(HeaderList headers, Pseudo seen)
    {
        if ((seen & (Pseudo.Scheme | Pseudo.Path)) != Pseudo.None)
            return Violations.ConnectSchemeOrPath;
        return HasValue(headers, KnownHeader.Authority) ? CheckHost(headers) : Violations.ConnectAuthorityMissing;
    }

    private static Violation? CheckHost(HeaderList headers)
    {
        bool both = headers.TryGet(KnownHeader.Host, out ReadOnlySpan<byte> host)
            & headers.TryGet(KnownHeader.Authority, out ReadOnlySpan<byte> authority);
        return !both || Ascii.EqualsIgnoreCase(host, authority) ? null : Violations.HostDiffers;
    }

    private static Violation? CheckFields(HeaderList headers, Pseudo allowed, out Pseudo seen)
    {
        seen = Pseudo.None;
        bool regular = false;
        for (int i = 0; i < headers.Count; i++)
        {
            HeaderField field = headers[i];
            bool isPseudo = field.Name.StartsWith((byte)':');
            Violation? violation = isPseudo ? CheckPseudo(field.Known, allowed, regular, ref seen) : CheckRegular(field);
            if (violation is not null)
                return violation;
            if (!IsValue(field.Value))
                return Violations.FieldValueInvalid;
            regular |= !isPseudo;
        }

        return null;
    }

    private static Violation? CheckPseudo(KnownHeader name, Pseudo allowed, bool regularSeen, ref Pseudo seen)
    {
        Pseudo pseudo = name switch
        {
            KnownHeader.Method => Pseudo.Method,
            KnownHeader.Scheme => Pseudo.Scheme,
            KnownHeader.Path => Pseudo.Path,
            KnownHeader.Authority => Pseudo.Authority,
            KnownHeader.Status => Pseudo.Status,
            _ => Pseudo.None,
        };
        if ((pseudo & allowed) == Pseudo.None)
            return Violations.PseudoHeaderUnexpected;
        if ((pseudo & seen) != Pseudo.None)
            return Violations.PseudoHeaderRepeated;
        seen |= pseudo;
        return regularSeen ? Violations.PseudoHeaderLate : null;
    }

    private static Violation? CheckRegular(in HeaderField field) => field.Known switch
    {
        KnownHeader.None => IsName(field.Name) ? null : Violations.FieldNameInvalid,
        KnownHeader.Connection or KnownHeader.KeepAlive or KnownHeader.ProxyConnection or KnownHeader.TransferEncoding
            or KnownHeader.Upgrade => Violations.ConnectionSpecificField,
        KnownHeader.TE => field.Value.SequenceEqual("trailers"u8) ? null : Violations.ConnectionSpecificField,
        _ => null,
    };

    [Flags]
    private enum Pseudo
    {
        None = 0,
        Method = 1,
        Scheme = 2,
        Path = 4,
        Authority = 8,
        Status = 16,
    }
}
