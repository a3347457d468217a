using System.CommandLine;
using Spectre.Console;
using Ztunnel.Control;

namespace Ztunnel.EndToEnd.Tests;

/// <summary>Flags that make no sense.</summary>
public sealed class FlagTests
{
    [Theory]
    [InlineData("--max-connections", "x")]
    [InlineData("--max-connections", "99999999999")]
    [InlineData("--max-connection-rate", "-1")]
    [InlineData("--max-held-bytes", "1.5")]
    [InlineData("--half-closed-timeout", "NaN")]
    [InlineData("--drain-seconds", "soon")]
    [InlineData("--workers", "0")]
    [InlineData("--workers", "two")]
    [InlineData("--probes", "LinkLocal")]
    [InlineData("--admin", "localhost")]
    [InlineData("--same-node", "maybe")]
    [InlineData("--trust-domain", "a b")]
    [InlineData("--trust-domain-alias", "Upper.case")]
    [InlineData("--discovery-selectors", "a in b")]
    public void A_value_that_makes_no_sense_is_a_mistake_that_names_it(string flag, string value)
    {
        using var error = new StringWriter();
        using var output = new StringWriter();
        int exit = NodeCommand.Create()
            .Parse(["--node", "a", "--manifests", ".", flag, value])
            .Invoke(new InvocationConfiguration { Output = output, Error = error });

        Assert.Equal(1, exit);
        Assert.Contains(value, error.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("exception", error.ToString(), StringComparison.OrdinalIgnoreCase);
    }

    [Theory]
    [InlineData("--trust-domain", "a b")]
    [InlineData("--name", "")]
    [InlineData("--namespace", "")]
    public void So_it_is_of_a_gateway(string flag, string value)
    {
        using var error = new StringWriter();
        using var output = new StringWriter();
        string[] names = [.. new[] { "--name", "edge", "--namespace", "infra" }.Chunk(2).Where(pair => pair[0] != flag).SelectMany(pair => pair)];
        int exit = GatewayCommand.Create()
            .Parse([.. names, "--manifests", "/no/such/directory", flag, value])
            .Invoke(new InvocationConfiguration { Output = output, Error = error });

        Assert.Equal(1, exit);
        Assert.Contains($"{flag}: ", error.ToString(), StringComparison.Ordinal);
        Assert.Contains($"got \"{value}\"", error.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--manifests or --kubernetes is required")]
    [InlineData("--manifests or --kubernetes is required", "--pods", "full")]
    [InlineData("not from both", "--manifests", ".", "--kubernetes")]
    [InlineData("not from both", "--manifests", ".", "--context", "c")]
    [InlineData("--pods: must be trimmed or full, got \"some\"", "--kubernetes", "--pods", "some")]
    [InlineData(null, "--manifests", ".")]
    [InlineData(null, "--kubernetes", "--pods", "full")]
    [InlineData(null, "--kubeconfig", "config", "--context", "c")]
    public void Objects_have_one_source(string? mistake, params string[] flags)
    {
        foreach (ParseResult parsed in new[]
        {
            NodeCommand.Create().Parse(["--node", "a", .. flags]),
            GatewayCommand.Create().Parse(["--name", "edge", "--namespace", "infra", .. flags]),
        })
        {
            if (mistake is null)
                Assert.Empty(parsed.Errors);
            else
                Assert.Contains(mistake, Assert.Single(parsed.Errors).Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("--manifests", "--kubernetes", "--manifests", ".")]
    [InlineData("--pods", "--kubernetes", "--pods", "full")]
    [InlineData("--kubernetes is required")]
    [InlineData(null, "--kubernetes")]
    [InlineData(null, "--kubeconfig", "config", "--context", "c")]
    public void A_controller_has_a_cluster_and_reads_all_of_it(string? mistake, params string[] flags)
    {
        Command command = ControllerCommand.Create();
        ParseResult parsed = command.Parse(["--gateway-image", "x", .. flags]);
        if (mistake is null)
            Assert.Empty(parsed.Errors);
        else
            Assert.Contains(parsed.Errors, error => error.Message.Contains(mistake, StringComparison.Ordinal));
        Assert.DoesNotContain(command.Options, option => option.Name is "--manifests" or "--pods");
    }

    [Theory]
    [InlineData("--root-namespace", "A")]
    [InlineData("--revision", "a b")]
    [InlineData("--gateway-image-pull-policy", "Sometimes")]
    [InlineData("--readiness", "localhost")]
    public void So_it_is_of_a_controller(string flag, string value)
    {
        using var error = new StringWriter();
        using var output = new StringWriter();
        int exit = ControllerCommand.Create()
            .Parse(["--gateway-image", "x", "--kubernetes", flag, value])
            .Invoke(new InvocationConfiguration { Output = output, Error = error });

        Assert.Equal(1, exit);
        Assert.Contains(value, error.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("exception", error.ToString(), StringComparison.OrdinalIgnoreCase);
    }

    [Theory]
    [InlineData("--ca-address: must be HOST:PORT", "--ca-address", "http://ca:15012")]
    [InlineData("--ca-address: must be HOST:PORT", "--ca-address", "https://ca:15012/path")]
    [InlineData("exclude each other", "--ca-address", "ca:15012", "--ca-directory", "/etc/ca")]
    [InlineData("--ca-token is about the authority of --ca-address", "--ca-token", "/token")]
    [InlineData("--ca-root is about the authority of --ca-address", "--ca-root", "/root.pem")]
    public void Certificates_have_one_source(string mistake, params string[] flags)
    {
        foreach ((Command command, string[] names) in new[]
        {
            (NodeCommand.Create(), new[] { "--node", "a" }),
            (GatewayCommand.Create(), ["--name", "edge", "--namespace", "infra"]),
        })
        {
            Assert.Contains(command.Parse([.. names, "--manifests", ".", .. flags]).Errors, e => e.Message.Contains(mistake, StringComparison.Ordinal));
            Assert.Empty(command.Parse([.. names, "--manifests", ".", "--ca-address", "ca.istio-system.svc:15012", "--ca-token", "/token"]).Errors);
        }
    }

    [Fact]
    public void A_controller_signs_by_its_flags_or_leaves_it_to_another()
    {
        var flags = new ClusterAuthorityFlags();
        var command = new Command("controller");
        flags.AddTo(command);

        Assert.Null(flags.Read(command.Parse("--ca false"), "cluster.local", "mesh"));
        Assert.Equal(["mesh/ztunnel"], flags.Read(command.Parse(""), "cluster.local", "mesh")!.NodeAccounts);
        ClusterAuthorityOptions set = flags.Read(
            command.Parse("--ca-node-account a/b --ca-node-account c/d --ca-max-lifetime-hours 2 --ca-propagation-seconds 60 --ca-listen 10.0.0.1:99"), "td", "mesh")!;
        Assert.Equal(["a/b", "c/d"], set.NodeAccounts);
        Assert.Equal(TimeSpan.FromHours(2), set.MaxLifetime);
        Assert.Equal(TimeSpan.FromHours(2), set.DefaultLifetime);
        Assert.Equal(TimeSpan.FromMinutes(1), set.Propagation);
        Assert.Equal("10.0.0.1:99", set.Listen.ToString());
        foreach (string wrong in new[] { "--ca-node-account ztunnel", "--ca-listen here", "--ca-max-lifetime-hours 0", "--ca maybe" })
            Assert.NotEmpty(command.Parse(wrong).Errors);
    }

    [Fact]
    public async Task A_demo_of_nothing_says_what_is_missing()
    {
        using var directory = new ManifestDirectory();
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(TextWriter.Null) });

        DemoFailure failure = await Assert.ThrowsAsync<DemoFailure>(() => DemoMesh.Start(directory.Path, console, CancellationToken.None));
        Assert.Contains($"{directory.Path} has no Node", failure.Message, StringComparison.Ordinal);
    }
}
