using System.Globalization;

namespace Ztunnel.Benchmarks;

/// <summary>
/// <c>-- scale [PODS...]</c>: what meshes of several sizes take to load and to hold, and what one change and one decision
/// cost in each. Whole-program figures that a micro benchmark does not show: the caches are as cold as they are in service.
/// </summary>
internal static class ScaleReport
{
    public static void Print(int[] sizes)
    {
        // The first is thrown away: it pays for compiling.
        ScaleMeasurement.Of(1_000);
        ScaleMeasurement[] measured = [.. sizes.Select(ScaleMeasurement.Of)];
        Row("pods", m => $"{m.Pods:N0}");
        Row("services, each with a slice", m => $"{m.Services:N0}");
        Row("policies", m => $"{m.Policies:N0}");
        Row("load", m => $"{m.Load.TotalMilliseconds:N0} ms");
        Row("memory, objects and model", m => $"{m.Bytes / 1048576.0:N1} MiB");
        Row("  of it a pod", m => $"{m.Bytes / (double)m.Pods:N0} B");
        Row("pod turns ready or unready, with its slice, until decisions follow", m => $"{m.PodChange:N1} us");
        Row("pod goes and another comes in its place", m => $"{m.PodReplacement:N1} us");
        Row("policy changes, and the next judgement", m => $"{m.PolicyChange:N1} us");
        Row("decision: one of 100 services in use", m => $"{m.WarmDecision:N0} ns");
        Row("decision: any service, caches cold", m => $"{m.ServiceDecision:N0} ns, {m.ServiceDecisionBytes:N0} B");
        Row("decision: any pod", m => $"{m.PodDecision:N0} ns, {m.PodDecisionBytes:N0} B");
        Row("judgement by policy, any pod", m => $"{m.Judgement:N0} ns, {m.JudgementBytes:N0} B");

        void Row(string name, Func<ScaleMeasurement, FormattableString> value) => Write(name, measured.Select(value));
    }

    /// <summary><c>-- service [ENDPOINTS...]</c>: what one service costs by how many endpoints it has.</summary>
    public static void PrintServices(int[] sizes)
    {
        LargeServiceMeasurement.Of(100);
        LargeServiceMeasurement[] measured = [.. sizes.Select(LargeServiceMeasurement.Of)];
        Row("endpoints of one service", m => $"{m.Endpoints:N0}");
        Row("load, with their pods", m => $"{m.Load.TotalMilliseconds:N0} ms");
        Row("one endpoint's change, in its slice of 100", m => $"{m.EndpointChange:N0} us");
        Row("the service's change", m => $"{m.ServiceChange:N0} us");
        Row("the next decision", m => $"{m.NextDecision:N0} us");

        void Row(string name, Func<LargeServiceMeasurement, FormattableString> value) => Write(name, measured.Select(value));
    }

    private static void Write(string name, IEnumerable<FormattableString> values) =>
        Console.WriteLine($"{name,-68}{string.Concat(values.Select(value => value.ToString(CultureInfo.InvariantCulture).PadLeft(18)))}");
}
