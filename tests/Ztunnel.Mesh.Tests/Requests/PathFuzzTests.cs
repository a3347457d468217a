using System.Globalization;
using System.Text;
using FsCheck;
using FsCheck.Fluent;
using static Ztunnel.Mesh.Tests.Requests;

namespace Ztunnel.Mesh.Tests;

/// <summary>No spelling of a path gets past a policy about it, whatever a backend makes of that spelling.</summary>
public sealed class PathFuzzTests
{
    private static readonly string[] Pieces =
    [
        "/", "/", "/", "\\", "%2f", "%2F", "%5c", "%252f", "%255C", ".", "..", "%2e", "%2E", "%252e", "%25252e", ";", ";a=b", "%3b", "%253B", "%00", "%c0%af", "%", "%25",
        "admin", "public", "a", "%61dmin", "%2561dmin", "adm%69n", "%41dmin", "!", "%21", " ", "?", "#", "x",
    ];

    private static readonly HttpPolicies DenyAdmin = Policies(Policy(PolicyAction.Deny, Paths("/admin", "/admin/*")));
    private static readonly HttpPolicies AllowPublic = Policies(Policy(PolicyAction.Allow, Paths("/public", "/public/*")));
    private static readonly HttpPolicies DenyAllButPublic = Policies(Policy(PolicyAction.Deny, new RequestMatcher.Path([new PathPattern("/public"), new PathPattern("/public/*")]) { Negated = true }));

    /// <summary>What a backend may make of the path it gets: ways that servers are known to differ by.</summary>
    private static readonly Func<string, string>[] Backends =
    [
        path => path,
        Decode,
        path => Resolve(Decode(path)),
        path => Decode(Resolve(path)),
        path => Resolve(Decode(path).Replace('\\', '/')),
        path => Resolve(Decode(Decode(path)).Replace('\\', '/')),
        path => Decode(Decode(path)),
        path => Resolve(Decode(Resolve(Decode(path)))),
        path => Resolve(Decode(Decode(Decode(path)))),
    ];

    private static readonly Func<string, string>[] BackendsThatDropParameters =
    [
        path => Resolve(Decode(WithoutParameters(path))),
        path => Resolve(WithoutParameters(Decode(path)).Replace('\\', '/')),
    ];

    [Fact]
    public void No_path_that_a_backend_takes_for_a_denied_one_gets_through() =>
        Check(path => Judge(DenyAdmin, path) == "allowed"
            ? Reached(path, [.. Backends, .. BackendsThatDropParameters]).All(reached => !IsUnder(reached, "/admin"))
            : true);

    [Theory]
    [InlineData("//%2F%2561dmin/.%2e%5c")]
    [InlineData("/x%2f..%2fadmin/..%5c")]
    [InlineData("/%2fadmin/..%5c")]
    public void A_path_that_once_got_through_does_so_no_more(string path) => Assert.Equal("DeniedByPolicy", Judge(DenyAdmin, path));

    [Fact]
    public void No_path_that_a_backend_takes_for_one_not_allowed_gets_through()
    {
        Check(path => Judge(AllowPublic, path) != "allowed" || Reached(path, Backends).All(reached => IsUnder(reached, "/public")));
        Check(path => Judge(DenyAllButPublic, path) != "allowed" || Reached(path, Backends).All(reached => IsUnder(reached, "/public")));
    }

    [Fact]
    public void Every_spelling_of_a_denied_path_is_refused()
    {
        Gen<int[]> choices = Gen.Choose(0, 1_000_000).ArrayOf(40);

        Prop.ForAll(choices.ToArbitrary(), choice => Judge(DenyAdmin, Spell("/admin/users", choice)) is "DeniedByPolicy" or "400")
            .Check(Config.QuickThrowOnFailure.WithMaxTest(4000));
    }

    [Fact]
    public void Paths_without_anything_odd_are_not_refused()
    {
        Gen<string> names = Gen.Elements("a", "admins", "v1.0", "x-y_z", "~me", "100", "caf%C3%A9", "q%20r", "(x)", "a,b");
        Gen<string> paths = names.ArrayOf().Select(parts => "/" + string.Join('/', parts));

        Prop.ForAll(paths.ToArbitrary(), path => Judge(DenyAdmin, path) == "allowed" && HttpPath.TryNormalize(path, out HttpPath normalized, out _) && normalized.Text == path)
            .Check(Config.QuickThrowOnFailure.WithMaxTest(500));
    }

    private static void Check(Func<string, bool> holds)
    {
        Gen<string> paths = Gen.Elements(Pieces).ArrayOf().Select(pieces => "/" + string.Concat(pieces));

        Prop.ForAll(paths.ToArbitrary(), holds).Check(Config.QuickThrowOnFailure.WithMaxTest(20000).WithEndSize(14));
    }

    private static IEnumerable<string> Reached(string path, Func<string, string>[] backends)
    {
        Assert.True(HttpPath.TryNormalize(path, out HttpPath normalized, out _));
        return backends.Select(backend => backend(normalized.Text));
    }

    private static bool IsUnder(string path, string root) => path == root || path.StartsWith($"{root}/", StringComparison.Ordinal);

    /// <summary>Another spelling of the same path: characters encoded once or twice, slashes of other kinds, detours.</summary>
    private static string Spell(string path, int[] choices)
    {
        var text = new StringBuilder();
        for (int i = 0; i < path.Length; i++)
        {
            int choice = choices[i % choices.Length];
            text.Append(path[i] == '/' && i > 0
                ? (choice % 9) switch { 0 => "\\", 1 => "%2f", 2 => "%5C", 3 => "//", 4 => "/./", 5 => "/x/../", 6 => "/%2e/", 7 => "/y%2f%2e%2E/", _ => "/" }
                : (choice % 5) switch { 0 => Encode(path[i], choice), 1 => "%25" + Encode(path[i], choice)[1..], _ => path[i] is '/' ? "/" : path[i].ToString() });
        }

        return text[0] == '/' ? text.ToString() : "/" + text;
    }

    private static string Encode(char c, int choice) =>
        string.Create(CultureInfo.InvariantCulture, $"%{(int)c:x2}") is var lower && choice % 2 == 0 ? lower : lower.ToUpperInvariant();

    private static string Decode(string path)
    {
        var text = new StringBuilder();
        for (int i = 0; i < path.Length; i++)
        {
            bool escape = path[i] == '%' && i + 2 < path.Length && char.IsAsciiHexDigit(path[i + 1]) && char.IsAsciiHexDigit(path[i + 2]);
            text.Append(escape ? (char)Convert.ToByte(path.Substring(i + 1, 2), 16) : path[i]);
            i += escape ? 2 : 0;
        }

        return text.ToString();
    }

    private static string Resolve(string path)
    {
        var segments = new Stack<string>();
        foreach (string segment in path.Split('/', StringSplitOptions.RemoveEmptyEntries))
        {
            if (segment == ".." && segments.Count > 0)
                segments.Pop();
            else if (segment is not (".." or "."))
                segments.Push(segment);
        }

        return "/" + string.Join('/', segments.Reverse());
    }

    private static string WithoutParameters(string path) => string.Join('/', path.Split('/').Select(segment => segment.Split(';')[0]));
}
