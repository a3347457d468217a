using System.CommandLine;
using Ztunnel.Mesh;
using Ztunnel.Resources;

namespace Ztunnel;

/// <summary><c>ztunnel waypoint</c>: waypoints in a directory of manifests, with the words of <c>istioctl waypoint</c>.</summary>
internal static class WaypointCommand
{
    private const string WaypointClass = "istio-waypoint";
    private const string DefaultName = "waypoint";

    /// <summary>The command. It writes to <paramref name="output"/> and, what is wrong, to <paramref name="error"/>.</summary>
    public static Command Create(TextWriter output, TextWriter error)
    {
        return new Command("waypoint", "Waypoints in a directory of manifests: make, list and delete them.")
        {
            Generate(output),
            Apply(output, error),
            List(output, error),
            Status(output, error),
            Delete(output, error),
        };
    }

    private static Command Generate(TextWriter output)
    {
        var flags = new WaypointDescriptionFlags();
        var command = new Command("generate", "Print the manifest of a waypoint.");
        flags.AddTo(command);
        command.SetAction(parsed => output.Write(flags.Read(parsed).ToYaml()));
        return command;
    }

    private static Command Apply(TextWriter output, TextWriter error)
    {
        var flags = new WaypointDescriptionFlags();
        Option<string> manifests = Manifests();
        var enroll = new Option<bool>("--enroll-namespace") { Description = $"Label the namespace {WaypointLabels.UseWaypoint} with it." };
        var overwrite = new Option<bool>("--overwrite") { Description = "Label a namespace that has another waypoint." };
        var command = new Command("apply", "Write a waypoint into the manifests.") { manifests, enroll, overwrite };
        flags.AddTo(command);
        command.SetAction(parsed => Change(error, parsed.GetRequiredValue(manifests), editor =>
        {
            WaypointManifest waypoint = flags.Read(parsed);
            var key = new ObjectKey(ObjectKind.Gateway, waypoint.Namespace, waypoint.Name);
            bool isNew = editor.Find(key) is null;
            // First what may be refused.
            NamespaceObject? @namespace = parsed.GetValue(enroll) ? Enrollable(editor, waypoint, parsed.GetValue(overwrite)) : null;
            editor.Write(key, $"waypoint-{waypoint.Namespace}-{waypoint.Name}.yaml", waypoint.ToYaml());
            output.WriteLine($"waypoint {waypoint.Namespace}/{waypoint.Name} {(isNew ? "created" : "configured")}");
            if (@namespace is not null)
            {
                editor.SetLabel(@namespace.Key, WaypointLabels.UseWaypoint, waypoint.Name);
                output.WriteLine($"namespace {waypoint.Namespace} labelled {WaypointLabels.UseWaypoint}: {waypoint.Name}");
            }

            if (WaypointUse.Of(editor.Objects, waypoint.Namespace).Single(use => use.Gateway.Key == key).WhyRefused(editor) is { } reason)
                error.WriteLine($"warning: {reason}");
            if (@namespace is not null && @namespace.Metadata.Labels[EnrolmentRule.ModeLabel] is not "ambient")
                error.WriteLine($"warning: namespace {waypoint.Namespace} is not labelled istio.io/dataplane-mode: ambient, so its pods' traffic is not captured");
        }));
        return command;
    }

    private static Command List(TextWriter output, TextWriter error)
    {
        Option<string> manifests = Manifests();
        Option<string> @namespace = Namespace();
        var all = new Option<bool>("--all-namespaces", "-A") { Description = "Those of every namespace." };
        var command = new Command("list", "List the waypoints: their pods that are ready, and how much asks for each.") { manifests, @namespace, all };
        command.SetAction(parsed => Change(error, parsed.GetRequiredValue(manifests), editor =>
        {
            string? only = parsed.GetValue(all) ? null : parsed.GetRequiredValue(@namespace);
            IReadOnlyList<WaypointUse> waypoints = WaypointUse.Of(editor.Objects, only);
            if (waypoints.Count == 0)
                output.WriteLine(only is null ? "No waypoints found." : NoneIn(only));
            else
                Print([WaypointUse.Header(), .. waypoints.Select(waypoint => waypoint.Row())], output);
        }));
        return command;
    }

    private static Command Status(TextWriter output, TextWriter error)
    {
        Option<string> manifests = Manifests();
        Option<string> @namespace = Namespace();
        var name = new Argument<string?>("name") { Arity = ArgumentArity.ZeroOrOne, Description = "The waypoint; all of the namespace without." };
        var command = new Command("status", "Say of waypoints whether they are ready, and how what asks for them stands.") { name, manifests, @namespace };
        command.SetAction(parsed => Change(error, parsed.GetRequiredValue(manifests), editor =>
        {
            string of = parsed.GetRequiredValue(@namespace);
            string? wanted = parsed.GetValue(name);
            WaypointUse[] waypoints = [.. WaypointUse.Of(editor.Objects, of).Where(waypoint => wanted is null || waypoint.Gateway.Metadata.Name == wanted)];
            if (waypoints.Length == 0)
                throw new ManifestEditException(wanted is null ? $"there are no waypoints in namespace {of}" : $"there is no waypoint {of}/{wanted}");
            foreach (string line in waypoints.SelectMany(waypoint => waypoint.Describe()))
                output.WriteLine(line);
        }));
        return command;
    }

    private static Command Delete(TextWriter output, TextWriter error)
    {
        Option<string> manifests = Manifests();
        Option<string> @namespace = Namespace();
        var names = new Argument<string[]>("name") { Arity = ArgumentArity.ZeroOrMore, Description = "The waypoints to delete." };
        var all = new Option<bool>("--all") { Description = "Delete all waypoints of the namespace." };
        var command = new Command("delete", "Take waypoints out of the manifests. What is bound to them is refused until it is bound elsewhere.") { names, manifests, @namespace, all };
        command.Validators.Add(result =>
        {
            if (result.GetValue(all) == result.GetValue(names) is [_, ..])
                result.AddError("give the names of waypoints, or --all");
        });
        command.SetAction(parsed => Change(error, parsed.GetRequiredValue(manifests), editor =>
        {
            string of = parsed.GetRequiredValue(@namespace);
            string[] wanted = parsed.GetValue(all)
                ? [.. editor.Objects.OfType<GatewayObject>().Where(IsWaypoint).Where(gateway => gateway.Metadata.Namespace == of).Select(gateway => gateway.Metadata.Name)]
                : parsed.GetRequiredValue(names);
            if (wanted.Length == 0)
                output.WriteLine(NoneIn(of));
            foreach (string name in wanted)
            {
                var key = new ObjectKey(ObjectKind.Gateway, of, name);
                if (editor.Find(key) is GatewayObject gateway && !IsWaypoint(gateway))
                    throw new ManifestEditException($"{key} is no waypoint: its class is {gateway.ClassName}");
                editor.Remove(key);
                output.WriteLine($"waypoint {of}/{name} deleted");
                ObjectKey[] left = [.. WaypointUse.LabelledFor(new GatewayName(of, name), editor.Objects)];
                if (left.Length > 0)
                    error.WriteLine($"warning: still labelled for {of}/{name}, so that what is bound by it is refused: {Few(left)}");
            }
        }));
        return command;
    }

    /// <summary>Whether a Gateway is a waypoint, by its class.</summary>
    internal static bool IsWaypoint(GatewayObject gateway) => gateway.ClassName is WaypointClass;

    private static NamespaceObject Enrollable(ManifestEditor editor, WaypointManifest waypoint, bool overwrite)
    {
        if (editor.Find(new ObjectKey(ObjectKind.Namespace, "", waypoint.Namespace)) is not NamespaceObject @namespace)
            throw new ManifestEditException($"namespace {waypoint.Namespace} is not among the manifests, so it cannot be labelled");
        return @namespace.Metadata.Labels[WaypointLabels.UseWaypoint] is not { } other || other == waypoint.Name || overwrite
            ? @namespace
            : throw new ManifestEditException($"namespace {waypoint.Namespace} has the waypoint {other}: --overwrite to label it with {waypoint.Name}");
    }

    private static void Print(IReadOnlyList<string[]> rows, TextWriter output)
    {
        int[] widths = [.. Enumerable.Range(0, rows[0].Length).Select(column => rows.Max(row => row[column].Length))];
        foreach (string[] row in rows)
            output.WriteLine(string.Join("   ", row.Select((cell, column) => cell.PadRight(widths[column]))).TrimEnd());
    }

    private static string NoneIn(string @namespace) => $"No waypoints found in namespace {@namespace}.";

    private static string Few(ObjectKey[] keys)
    {
        const int Shown = 5;
        string names = string.Join(", ", keys.Take(Shown));
        return keys.Length > Shown ? $"{names} and {keys.Length - Shown} more" : names;
    }

    private static int Change(TextWriter error, string manifests, Action<ManifestEditor> work)
    {
        try
        {
            if (!Directory.Exists(manifests))
                throw new DirectoryNotFoundException($"--manifests: {manifests} is not a directory");
            work(ManifestEditor.Open(manifests));
            return 0;
        }
        catch (Exception e) when (e is ManifestEditException or IOException or UnauthorizedAccessException)
        {
            error.WriteLine($"error: {e.Message}");
            return 1;
        }
    }

    private static Option<string> Manifests() => new("--manifests") { Description = "Directory of Kubernetes YAML that the mesh is made from.", Required = true };

    private static Option<string> Namespace() => new("--namespace", "-n") { Description = "The namespace.", DefaultValueFactory = _ => "default" };

    /// <summary>What <c>generate</c> and <c>apply</c> say of a waypoint.</summary>
    private sealed class WaypointDescriptionFlags
    {
        private readonly Option<string> _namespace = Namespace();
        private readonly Option<string> _name = new("--name") { Description = "The waypoint's name.", DefaultValueFactory = _ => DefaultName };
        private readonly Option<string?> _for = new("--for") { Description = "What it takes: service, workload, all or none; service where it says nothing." };
        private readonly Option<string> _revision = new("--revision", "-r") { Description = "The control plane's revision it is for." };

        public WaypointDescriptionFlags()
        {
            _for.AcceptOnlyFromAmong("service", "workload", "all", "none");
            NameFlag.Demand(_name, KubernetesSyntax.SubdomainFault);
            NameFlag.Demand(_name, name => name is "none" ? "a waypoint cannot be called none, which says that there is to be none" : null);
            NameFlag.Demand(_namespace, KubernetesSyntax.LabelFault);
            NameFlag.Demand(_revision, KubernetesSyntax.LabelValueFault);
        }

        public void AddTo(Command command)
        {
            command.Add(_name);
            command.Add(_namespace);
            command.Add(_for);
            command.Add(_revision);
        }

        public WaypointManifest Read(ParseResult parsed) =>
            new(parsed.GetRequiredValue(_namespace), parsed.GetRequiredValue(_name), parsed.GetValue(_for), parsed.GetValue(_revision));
    }
}
