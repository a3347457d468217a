using System.Collections.Immutable;
using System.Text.Json;

namespace Ztunnel.Resources;

/// <summary>
/// Reads objects as an API server gives them. The server has checked them by its schemas, and may be newer than we: fields that
/// are not known are no mistake there, but in policies, where what is left out might let in what was meant to be kept out. The
/// annotation <see cref="PodObject.NetworkNamespaceAnnotation"/> is not believed, as anyone who may create a pod may write it,
/// and what a pod's containers run is not kept.
/// </summary>
public static class ObjectJson
{
    /// <summary>
    /// Reads an object of a kind, in whichever of its versions. Lists of an API server do not say what their items are, so the
    /// kind is given. <paramref name="source"/> is what problems name, as <see cref="ResourceProblem.Source"/>.
    /// </summary>
    public static JsonReading Read(ObjectKind kind, JsonElement json, string source)
    {
        ArgumentNullException.ThrowIfNull(kind);
        var reading = new ObjectReading(source) { IsServed = true };
        (ObjectKey? key, KubernetesObject? read) = ObjectReader.Read(kind, new Field(reading, JsonTreeBuilder.Build(json)), reading);
        return new JsonReading
        {
            Key = key,
            Object = read is PodObject pod ? pod.WithoutPrograms() : read,
            Problems = [.. reading.Problems],
        };
    }

    /// <summary>The versions in which a kind is read, the usual one first; none for a kind that is not.</summary>
    public static ImmutableArray<string> VersionsOf(ObjectKind kind) =>
        [.. ObjectReader.Kinds.Where(known => known.Key == kind).SelectMany(known => known).Select(version => version[(version.LastIndexOf('/') + 1)..])];

    /// <summary>The kinds that are read.</summary>
    public static ImmutableArray<ObjectKind> Kinds { get; } = [.. ObjectReader.Kinds.Select(known => known.Key)];

    /// <summary>Whether objects of a kind keep traffic out, so that to go without them would open what they close.</summary>
    public static bool IsPolicy(ObjectKind kind) => ObjectReader.IsPolicy(kind);
}

/// <summary>What came of reading an object.</summary>
public sealed record JsonReading
{
    /// <summary>Which object it is; null when not even that could be read.</summary>
    public ObjectKey? Key { get; init; }

    /// <summary>
    /// The object; where it has mistakes what stands in for it (<see cref="KubernetesObject.StandsIn"/>), or null for kinds that
    /// do no harm by being absent.
    /// </summary>
    public KubernetesObject? Object { get; init; }

    /// <summary>What is wrong with it.</summary>
    public ImmutableArray<ResourceProblem> Problems { get; init; } = [];

    /// <summary>Whether it is as wrong as not to be used.</summary>
    public bool HasMistakes => Object is null or { StandsIn: true };
}
