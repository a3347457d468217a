using Ztunnel.Resources;
using Ztunnel.Testing;

namespace Ztunnel.Kubernetes.Tests.Source;

/// <summary>What is told of a collection costs little, however many of its objects have mistakes.</summary>
public sealed class CollectionReportTests
{
    private const int Many = 5000;

    private readonly ManualTime _time = new();
    private readonly CollectionReport _report;

    public CollectionReportTests() => _report = new CollectionReport("kubernetes/policies", _time);

    [Fact]
    public void Problems_beyond_a_number_are_counted()
    {
        TakeMany();
        SourceReport told = _report.Next(Many)!;
        Assert.Equal(CollectionReport.MostListed + 1, told.Problems.Length);
        Assert.Equal("4900 more problems, with 4900 objects, are not listed", told.Problems[^1].Message);
        // A fault would keep the agent from becoming ready.
        Assert.True(told.Problems[^1] is { IsRemark: true, Object: null });

        for (int number = 0; number < Many - 50; number++)
            _report.Remove(Key(number));
        told = _report.Next(50)!;
        Assert.Equal(50, told.Problems.Length);
        Assert.Equal(Key(Many - 1).ToString(), told.Problems[^1].Object);
    }

    [Fact]
    public void Changes_are_told_once_a_second_and_faults_at_once()
    {
        TakeMany();
        Assert.Equal(TimeSpan.Zero, _report.Due(Many));
        Assert.NotNull(_report.Next(Many));
        Assert.Null(_report.Due(Many));
        // The same again is nothing new.
        Take(7);
        Assert.Null(_report.Due(Many));
        Assert.Equal(TimeSpan.FromSeconds(1), _report.Due(Many + 1));

        Take(Many);
        Assert.Equal(TimeSpan.FromSeconds(1), _report.Due(Many));
        _time.Advance(TimeSpan.FromMilliseconds(400));
        Assert.Equal(TimeSpan.FromMilliseconds(600), _report.Due(Many));
        _report.Fault = new ResourceProblem { Source = "kubernetes/policies", Message = "may not be read" };
        Assert.Equal(TimeSpan.Zero, _report.Due(Many));
        Assert.Equal("may not be read", _report.Next(Many)!.Problems[0].Message);
        Assert.Null(_report.Due(Many));

        _report.Remove(Key(Many));
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(TimeSpan.Zero, _report.Due(Many));
        Assert.NotNull(_report.Next(Many));
        Assert.Null(_report.Due(Many));
    }

    private static ObjectKey Key(int number) => new(ObjectKind.AuthorizationPolicy, "shop", $"p{number}");

    private void TakeMany()
    {
        for (int number = 0; number < Many; number++)
            Take(number);
    }

    private void Take(int number) => _report.Take(Key(number), new JsonReading
    {
        Key = Key(number),
        Problems = [new ResourceProblem { Source = "kubernetes/policies", Object = Key(number).ToString(), Message = "wrong" }],
    });
}
