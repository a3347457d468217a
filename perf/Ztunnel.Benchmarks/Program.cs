using System.Globalization;
using BenchmarkDotNet.Running;
using Ztunnel.Benchmarks;

if (args is ["scale", ..])
    ScaleReport.Print(args.Length > 1 ? [.. args.Skip(1).Select(int.Parse)] : [1_000, 100_000]);
else if (args is ["service", ..])
    ScaleReport.PrintServices(args.Length > 1 ? [.. args.Skip(1).Select(int.Parse)] : [100, 1_000, 10_000]);
else if (args is ["api", ..])
    await ApiLoadReport.Print(args.Length > 1 ? int.Parse(args[1], CultureInfo.InvariantCulture) : 1_000, args.Length > 2 ? int.Parse(args[2], CultureInfo.InvariantCulture) : 100_000);
else
    BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(args);
