using Ztunnel.Testing;

namespace Ztunnel.Identity.Tests;

public sealed class TrustBundleTests : IDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private readonly TemporaryFolder _folder = new();
    private readonly ManualTime _time = new();
    private readonly Forge _old;
    private readonly Forge _new;
    private int _changes;

    public TrustBundleTests()
    {
        _old = Forge.Root(_time.GetUtcNow(), "old");
        _new = Forge.Root(_time.GetUtcNow(), "new");
        _folder.Write("root-cert.pem", _old.Pem);
    }

    public void Dispose()
    {
        _folder.Dispose();
        _old.Dispose();
        _new.Dispose();
    }

    [Fact]
    public void A_root_is_rotated_over_a_time_when_both_are_trusted()
    {
        using TrustBundle bundle = Watch();
        AssertRoots(bundle, _old);

        _folder.Write("root-cert.pem", _old.Pem + _new.Pem);
        _time.Advance(2 * Interval);
        AssertRoots(bundle, _old, _new);
        Assert.Equal(1, _changes);

        _folder.Write("root-cert.pem", _new.Pem);
        _time.Advance(2 * Interval);
        AssertRoots(bundle, _new);
        Assert.Equal(2, _changes);
    }

    [Fact]
    public void A_file_renamed_over_the_old_one_is_seen_even_with_its_time_and_size()
    {
        using TrustBundle bundle = Watch();
        string next = _folder.Write("next.pem", _new.Pem);
        File.SetLastWriteTimeUtc(next, File.GetLastWriteTimeUtc(_folder["root-cert.pem"]));
        File.Move(next, _folder["root-cert.pem"], overwrite: true);

        _time.Advance(2 * Interval);

        AssertRoots(bundle, _new);
    }

    [Fact]
    public async Task A_volume_whose_data_link_is_swapped_as_Kubernetes_does_is_seen()
    {
        Directory.CreateDirectory(_folder["..v1"]);
        Directory.CreateDirectory(_folder["..v2"]);
        _folder.Write("..v1/root.pem", _old.Pem);
        _folder.Write("..v2/root.pem", _new.Pem);
        File.CreateSymbolicLink(_folder["..data"], "..v1");
        File.CreateSymbolicLink(_folder["root.pem"], "..data/root.pem");
        using TrustBundle bundle = Watch("root.pem");
        AssertRoots(bundle, _old);

        File.CreateSymbolicLink(_folder["..tmp"], "..v2");
        (int exitCode, string output) = await ShortProgram.Run("mv", "-T", _folder["..tmp"], _folder["..data"]);
        Assert.True(exitCode == 0, output);
        Directory.Delete(_folder["..v1"], recursive: true);
        _time.Advance(2 * Interval);

        AssertRoots(bundle, _new);
    }

    [Fact]
    public void A_file_still_being_written_is_not_taken_for_a_whole_one()
    {
        using TrustBundle bundle = Watch();

        _folder.Write("root-cert.pem", _new.Pem);
        _time.Advance(Interval);
        _folder.Write("root-cert.pem", _new.Pem + _old.Pem);
        _time.Advance(Interval);
        AssertRoots(bundle, _old);
        Assert.Equal(0, _changes);

        _time.Advance(Interval);
        AssertRoots(bundle, _new, _old);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("garbage")]
    [InlineData("-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n")]
    [InlineData("leaf")]
    [InlineData("expired")]
    [InlineData("cut")]
    public void A_broken_file_keeps_the_last_good_roots_and_says_what_is_wrong(string? content)
    {
        using TrustBundle bundle = Watch();
        using Forge leaf = _old.Intermediate(_time.GetUtcNow(), ca: false);
        using Forge expired = Forge.Root(_time.GetUtcNow(), lifetime: TimeSpan.FromMinutes(-1));

        if (content is null)
            File.Delete(_folder["root-cert.pem"]);
        else
            _folder.Write("root-cert.pem", content switch
            {
                "leaf" => _new.Pem + leaf.Pem,
                "expired" => expired.Pem,
                "cut" => _new.Pem + _old.Pem[..^30],
                _ => content,
            });
        _time.Advance(2 * Interval);

        AssertRoots(bundle, _old);
        Assert.StartsWith(_folder["root-cert.pem"], bundle.Fault, StringComparison.Ordinal);
        Assert.Equal(0, _changes);

        _folder.Write("root-cert.pem", _new.Pem);
        _time.Advance(2 * Interval);
        AssertRoots(bundle, _new);
        Assert.Null(bundle.Fault);
    }

    [Fact]
    public void A_file_put_back_as_it_was_clears_the_fault()
    {
        using TrustBundle bundle = Watch();
        _folder.Write("root-cert.pem", "garbage");
        _time.Advance(2 * Interval);
        Assert.NotNull(bundle.Fault);

        _folder.Write("root-cert.pem", _old.Pem);
        _time.Advance(2 * Interval);

        Assert.Null(bundle.Fault);
    }

    [Fact]
    public void An_expired_root_beside_a_good_one_is_left_out()
    {
        using Forge expired = Forge.Root(_time.GetUtcNow(), lifetime: TimeSpan.FromMinutes(-1));
        _folder.Write("root-cert.pem", expired.Pem + _new.Pem);

        using TrustBundle bundle = Watch();

        AssertRoots(bundle, _new);
    }

    [Fact]
    public void A_first_file_that_cannot_be_used_is_an_error_and_leaves_no_watch_behind()
    {
        _folder.Write("root-cert.pem", "garbage");
        var refused = Assert.Throws<CertificateFileException>(() => Watch());
        Assert.Equal(CertificateFileProblem.NotPem, refused.Problem);
        Assert.Equal(0, _time.ArmedTimers);
    }

    [Fact]
    public void A_bundle_let_go_of_is_not_watched_any_more()
    {
        TrustBundle bundle = Watch();
        bundle.Dispose();
        Assert.Equal(0, _time.ArmedTimers);
    }

    [Fact]
    public void Roots_that_are_none_are_not_taken()
    {
        using Forge leaf = _old.Intermediate(_time.GetUtcNow(), ca: false);
        Assert.Throws<ArgumentException>(() => TrustRoots.FromDer([]));
        Assert.Throws<ArgumentException>(() => TrustRoots.FromDer([leaf.Der]));
        Assert.Throws<System.Security.Cryptography.CryptographicException>(() => TrustRoots.FromDer([new byte[3]]));
        Assert.Single(TrustRoots.FromDer([_old.Der]).Certificates);
    }

    private TrustBundle Watch(string file = "root-cert.pem")
    {
        var bundle = TrustBundle.Watch(_folder[file], _time, interval: Interval);
        bundle.Changed += (_, _) => _changes++;
        return bundle;
    }

    private static void AssertRoots(TrustBundle bundle, params Forge[] roots) =>
        Assert.Equal<string>([.. roots.Select(root => root.Pem.Trim())], [.. bundle.Current.Certificates.Select(root => root.Pem)]);
}
