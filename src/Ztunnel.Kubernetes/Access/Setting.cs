using System.Text;

namespace Ztunnel.Kubernetes;

/// <summary>A text that is given as it is, or by the file it is in. Nothing of the text is in <see cref="ToString"/>.</summary>
internal sealed record Setting
{
    private readonly string? _text;
    private readonly string _where;

    private Setting(string? text, string? file, string where)
    {
        _text = text;
        File = file;
        _where = where;
    }

    /// <summary>The file, if it is one.</summary>
    public string? File { get; }

    /// <summary>A text given at a place such as <c>config: users[0].user.token</c>.</summary>
    public static Setting Of(string text, string where) => new(text, null, where);

    /// <summary>A file named at a place.</summary>
    public static Setting At(string file, string where) => new(null, file, where);

    /// <summary>The text, read now. Throws <see cref="ApiAccessException"/>.</summary>
    public string Read()
    {
        if (_text is not null)
            return _text;
        try
        {
            return System.IO.File.ReadAllText(File!, Encoding.UTF8);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new ApiAccessException($"{_where}: cannot read {File}: {error.Message}", error);
        }
    }

    /// <inheritdoc/>
    public override string ToString() => File is null ? _where : $"{_where} ({File})";
}
