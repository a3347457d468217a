using FsCheck;
using FsCheck.Fluent;
using Ztunnel.Hbone.Wire;

namespace Ztunnel.Hbone.Tests.Wire;

public sealed class DynamicTableTests
{
    [Fact]
    public void It_holds_what_a_plain_list_would_hold()
    {
        Gen<(int Name, int Value, int Resize)> step =
            from name in Gen.Choose(0, 40)
            from value in Gen.Frequency((5, Gen.Choose(0, 60)), (1, Gen.Choose(0, 700)))
            from resize in Gen.Frequency((15, Gen.Constant(-1)), (1, Gen.Choose(0, 600)))
            select (name, value, resize);

        Prop.ForAll(step.ListOf().ToArbitrary(), steps =>
        {
            var table = new DynamicTable(500);
            var model = new List<(byte[] Name, byte[] Value)>();
            byte fill = 0;
            foreach ((int name, int value, int resize) in steps)
            {
                if (resize >= 0)
                    table.SetMaxSize(resize);
                var entry = (Name: Bytes(name, ++fill), Value: Bytes(value, ++fill));
                table.Insert(KnownHeader.None, entry.Name, entry.Value);
                model.Insert(0, entry);
                while (model.Sum(Size) > table.MaxSize)
                    model.RemoveAt(model.Count - 1);
                AssertSame(model, table);
            }
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(500).WithEndSize(200));
    }

    [Fact]
    public void Inserting_allocates_nothing_once_it_has_grown()
    {
        var table = new DynamicTable(4096);
        byte[] value = new byte[50];
        long before = 0;
        for (int i = 0; i < 2000; i++)
        {
            if (i == 1000)
                before = GC.GetAllocatedBytesForCurrentThread();
            table.Insert(KnownHeader.Baggage, "baggage"u8, value.AsSpan(0, i % 50));
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    private static byte[] Bytes(int length, byte fill)
    {
        byte[] bytes = new byte[length];
        bytes.AsSpan().Fill(fill);
        return bytes;
    }

    private static int Size((byte[] Name, byte[] Value) entry) => entry.Name.Length + entry.Value.Length + DynamicTable.EntryOverhead;

    private static void AssertSame(List<(byte[] Name, byte[] Value)> model, DynamicTable table)
    {
        Assert.Equal(model.Count, table.Count);
        Assert.Equal(model.Sum(Size), table.Size);
        for (int i = 0; i < model.Count; i++)
        {
            Assert.True(model[i].Name.AsSpan().SequenceEqual(table[i].Name));
            Assert.True(model[i].Value.AsSpan().SequenceEqual(table[i].Value));
        }
    }
}
