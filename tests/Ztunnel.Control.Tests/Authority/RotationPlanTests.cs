using System.Text.Json.Nodes;
using Ztunnel.Identity;

namespace Ztunnel.Control.Tests;

/// <summary>The steps from one key to the next.</summary>
public sealed class RotationPlanTests
{
    private static readonly TimeSpan Propagation = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan Lifetime = TimeSpan.FromHours(24);

    private readonly RotationPlan _plan = new(Propagation, Lifetime);
    private DateTimeOffset _now = new(2030, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private AuthorityRecord? _kept;
    private int _made;

    [Fact]
    public void The_first_key_signs_at_once_and_stays()
    {
        Step();

        Assert.Equal(1, _made);
        Assert.Same(_kept, Step());
        Pass(TimeSpan.FromDays(100));
        Assert.Same(_kept, Step());
        AssertTrusted(_kept!.Signing!.Root);
    }

    [Fact]
    public void The_operator_s_key_is_taken_where_there_is_one_and_none_is_made()
    {
        OfferedAuthority offered = Offer();

        Step(offered);

        Assert.Same(offered.Material, _kept!.Signing);
        Assert.Equal(0, _made);
        Assert.Same(_kept, Step(offered));
    }

    [Fact]
    public void Another_root_is_trusted_everywhere_before_it_signs_and_the_old_one_until_nothing_is_left_under_it()
    {
        OfferedAuthority first = Offer(), second = Offer();
        Step(first);

        // Told to be trusted, and not known to have arrived: however long that takes.
        Step(second);
        Pass(10 * Propagation);
        Assert.Same(_kept, Step(second));
        AssertTrusted(second.Material.Root, first.Material.Root);
        Assert.Same(first.Material, _kept!.Signing);

        // Every namespace has it: its time begins.
        _kept = _kept.Confirmed(_now);
        Pass(Propagation - TimeSpan.FromSeconds(1));
        Step(second);
        Assert.Same(first.Material, _kept.Signing);
        Pass(TimeSpan.FromSeconds(1));
        Step(second);
        Assert.Same(second.Material, _kept.Signing);
        AssertTrusted(second.Material.Root, first.Material.Root);

        Pass(Lifetime + Propagation - TimeSpan.FromSeconds(1));
        Step(second);
        AssertTrusted(second.Material.Root, first.Material.Root);
        Pass(TimeSpan.FromSeconds(1));
        Step(second);
        AssertTrusted(second.Material.Root);
    }

    [Fact]
    public void Another_intermediate_under_a_trusted_root_signs_at_once()
    {
        using var root = new TestCa(_now);
        OfferedAuthority first = root.Intermediate(_now), second = root.Intermediate(_now);
        Step(first);

        Step(second);

        Assert.Same(second.Material, _kept!.Signing);
        AssertTrusted(root.Root);
    }

    [Fact]
    public void Istio_s_three_steps_work_too()
    {
        using TestCa a = new(_now), b = new(_now);
        Step(a.Self(_now));
        Step(a.Self(_now, b));
        AssertTrusted(a.Root, b.Root);
        _kept = _kept!.Confirmed(_now);
        Pass(Propagation);

        Step(b.Self(_now, a));
        Assert.Equal(b.Root.SerialNumber, _kept.Signing!.Root.SerialNumber);
        Step(b.Self(_now));

        // Taken out of the file too early, it is kept as long as it is needed.
        AssertTrusted(b.Root, a.Root);
        Pass(_plan.Retirement);
        Step(b.Self(_now));
        AssertTrusted(b.Root);
    }

    [Fact]
    public void A_rotation_that_is_called_off_leaves_what_was()
    {
        OfferedAuthority first = Offer(), second = Offer();
        Step(first);
        Step(second);
        Step(first);

        Assert.Same(first.Material, _kept!.Signing);
        Pass(_plan.Retirement);
        Step(first);
        AssertTrusted(first.Material.Root);
    }

    [Fact]
    public void A_key_in_wrong_hands_is_cut_off_at_once()
    {
        OfferedAuthority first = Offer(), second = Offer() with { Immediate = true };
        Step(first);

        Step(second);

        Assert.Same(second.Material, _kept!.Signing);
        AssertTrusted(second.Material.Root);
    }

    [Fact]
    public void Without_the_operator_s_Secret_its_key_goes_on_signing()
    {
        OfferedAuthority offered = Offer();
        Step(offered);

        Step();

        Assert.Same(offered.Material, _kept!.Signing);
        Assert.Equal(0, _made);
    }

    [Fact]
    public void A_root_of_its_own_is_made_anew_when_asked_for_once()
    {
        Step(wish: null);
        AuthorityRecord before = _kept!;
        Step(wish: "1");
        Assert.Equal(2, _made);
        Assert.Same(before.Signing, _kept!.Signing);
        AssertTrusted(_kept.Next!.Root, before.Signing!.Root);
        Step(wish: "1");
        Assert.Equal(2, _made);
        _kept = _kept.Confirmed(_now);
        SigningMaterial next = _kept.Next!;
        Pass(Propagation);
        Step(wish: "1");

        Assert.Same(next, _kept.Signing);
        Assert.Null(_kept.Next);
        Pass(Lifetime * 2);
        Step(wish: "1");
        AssertTrusted(next.Root);
        Assert.Equal(2, _made);
    }

    [Fact]
    public void A_root_of_its_own_is_made_anew_when_a_fifth_of_its_life_is_left()
    {
        Step();
        SigningMaterial first = _kept!.Signing!;
        Pass((first.NotAfter - first.NotBefore) * 0.79);
        Step();
        Assert.Equal(1, _made);
        Pass((first.NotAfter - first.NotBefore) * 0.02);
        Step();
        Assert.Equal(2, _made);
        Assert.Same(first, _kept.Signing);
    }

    [Fact]
    public void An_expired_key_is_replaced_without_waiting()
    {
        OfferedAuthority first = Offer();
        Step(first);
        Pass(first.Material.NotAfter - _now);
        OfferedAuthority second = Offer();
        Step(second);

        Assert.Same(second.Material, _kept!.Signing);
        AssertTrusted(second.Material.Root);
    }

    [Fact]
    public void What_is_kept_is_read_back_as_it_was()
    {
        Step(Offer());
        Step(wish: "1");
        OfferedAuthority other = Offer();
        Step(other);
        Step(wish: "2");
        AuthorityRecord kept = _kept!;

        AuthorityRecord read = AuthoritySecret.ReadKept(Secret(AuthoritySecret.Data(kept)), _now);

        Assert.True(read.Signing!.IsSame(kept.Signing!));
        Assert.True(read.Next!.IsSame(kept.Next!));
        Assert.Equal("2", read.Followed);
        Assert.Equal<(string, DateTimeOffset, DateTimeOffset?, DateTimeOffset?)>(
            [.. kept.Roots.Select(root => (root.Fingerprint, root.Told, root.Since, root.Until))],
            [.. read.Roots.Select(root => (root.Fingerprint, root.Told, root.Since, root.Until))]);
        Assert.Equal(kept.Bundle, read.Bundle);
    }

    [Fact]
    public void A_Secret_written_by_hand_is_taken_and_its_roots_count_as_trusted()
    {
        Step(Offer());
        JsonObject data = AuthoritySecret.Data(_kept!);
        data.Remove("rotation.json");

        AuthorityRecord read = AuthoritySecret.ReadKept(Secret(data), _now);

        Assert.Equal(DateTimeOffset.UnixEpoch, Assert.Single(read.Roots).Since);
        Assert.True(read.Signing!.IsSame(_kept!.Signing!));
    }

    [Theory]
    [InlineData("ca-key.pem", "Secret istio-system/ztunnel-ca: ca-key.pem: it is missing")]
    [InlineData("ca-cert.pem", "Secret istio-system/ztunnel-ca: ca-cert.pem: it is missing")]
    [InlineData("root-cert.pem", "Secret istio-system/ztunnel-ca: root-cert.pem: it is missing")]
    public void What_is_missing_is_named(string file, string message)
    {
        Step(Offer());
        JsonObject data = AuthoritySecret.Data(_kept!);
        data.Remove(file);

        Assert.Equal(message, Assert.Throws<CertificateFileException>(() => AuthoritySecret.ReadKept(Secret(data), _now)).Message);
    }

    [Fact]
    public void No_key_is_in_a_text_about_it()
    {
        Step(Offer());
        Step(wish: "1");
        JsonObject data = AuthoritySecret.Data(_kept!);
        string key = ((string)data["ca-key.pem"]!)[40..80];
        data["ca-key.pem"] = ((string)data["ca-key.pem"]!)[..^60] + "!";
        string error = Assert.Throws<CertificateFileException>(() => AuthoritySecret.ReadKept(Secret(data), _now)).ToString();

        Assert.DoesNotContain(key, error + _kept + _kept!.Signing + Offer(), StringComparison.Ordinal);
        Assert.DoesNotContain("PRIVATE KEY", error + _kept + _kept.Signing + Offer(), StringComparison.Ordinal);
    }

    private static JsonObject Secret(JsonObject data) => new()
    {
        ["metadata"] = new JsonObject { ["name"] = "ztunnel-ca", ["namespace"] = "istio-system" },
        ["data"] = data,
    };

    private void Pass(TimeSpan time) => _now += time;

    private AuthorityRecord Step(OfferedAuthority? offered = null, string? wish = null) => _kept = _plan.Next(_kept, offered, wish, MakeRoot, _now);

    private SigningMaterial MakeRoot()
    {
        _made++;
        return Offer().Material;
    }

    private OfferedAuthority Offer()
    {
        using var ca = new TestCa(_now);
        return ca.Self(_now);
    }

    private void AssertTrusted(params ParsedCertificate[] roots) =>
        Assert.Equal<string>([.. roots.Select(root => root.SerialNumber)], [.. _kept!.Roots.Select(root => root.Certificate.SerialNumber)]);
}
