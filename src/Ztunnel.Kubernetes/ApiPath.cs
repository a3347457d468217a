namespace Ztunnel.Kubernetes;

/// <summary>What a request to the API is about: a collection, an object or a part of one.</summary>
public sealed record ApiPath
{
    private readonly string _path;
    private readonly string _query;

    internal ApiPath(ApiResource resource, string path, string query = "")
    {
        Resource = resource;
        _path = path;
        _query = query;
    }

    /// <summary>The collection it belongs to.</summary>
    public ApiResource Resource { get; }

    /// <summary>The object's <c>status</c>, which is written apart from the rest.</summary>
    public ApiPath Status => Sub("status");

    /// <summary>What is below this: an object of a collection, or a subresource of an object.</summary>
    public ApiPath Sub(string name) => new(Resource, $"{_path}/{Segment(name)}", _query);

    /// <summary>The same with a query parameter, such as <c>labelSelector</c>.</summary>
    public ApiPath With(string parameter, string value)
    {
        ArgumentException.ThrowIfNullOrEmpty(parameter);
        ArgumentNullException.ThrowIfNull(value);
        char separator = _query.Length == 0 ? '?' : '&';
        return new ApiPath(Resource, _path, $"{_query}{separator}{Uri.EscapeDataString(parameter)}={Uri.EscapeDataString(value)}");
    }

    /// <summary>Without the query, as messages show it.</summary>
    public override string ToString() => _path;

    /// <summary>As requests have it.</summary>
    internal string PathAndQuery => _path + _query;

    /// <summary>A name as one part of a path. Throws <see cref="ArgumentException"/> for one that would lead elsewhere.</summary>
    internal static string Segment(string name)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        if (name is "." or "..")
            throw new ArgumentException($"\"{name}\" names nothing in the API", nameof(name));
        return Uri.EscapeDataString(name);
    }
}
