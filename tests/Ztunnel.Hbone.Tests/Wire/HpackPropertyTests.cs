using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Ztunnel.Hbone.Wire;

namespace Ztunnel.Hbone.Tests.Wire;

public sealed class HpackPropertyTests
{
    private static readonly string[] Names =
        [":authority", ":method", ":status", "baggage", "cookie", "x", "y-long-custom-name", "traceparent", "host"];

    private static Gen<Field> AnyField { get; } =
        from name in Gen.Frequency((4, Gen.Elements(Names)), (1, AnyText(20)))
        from value in Gen.Frequency(
            (3, Gen.Elements("", "GET", "200", "10.0.0.1:80", new string('v', 300))), (2, AnyText(120)), (1, AnyText(5000)))
        from indexing in Gen.Elements(Enum.GetValues<HeaderIndexing>())
        select new Field(name, value, indexing);

    [Fact]
    public void What_a_long_lived_encoder_sends_its_decoder_reads()
    {
        Gen<Step> step = Gen.Frequency(
            (6, AnyField.ListOf().Select(fields => new Step([.. fields], null))),
            (1, Gen.Elements(0u, 31u, 64u, 500u, 4096u, 100_000u).Select(size => new Step([], size))));

        Prop.ForAll(
            step.ListOf().ToArbitrary(),
            Gen.Elements(0, 200, 4096, 16384).ToArbitrary(),
            (steps, cap) => AssertRoundTrip(steps, cap)).Check(Config.QuickThrowOnFailure.WithMaxTest(300).WithEndSize(60));
    }

    [Fact]
    public void Random_bytes_end_in_a_violation_or_in_fields_and_never_in_an_exception()
    {
        // Mostly bytes that mean something, so that random blocks get past their first field.
        Gen<byte> any = Gen.Frequency(
            (3, Gen.Choose(0, 255)),
            (3, Gen.Elements(0x40, 0x00, 0x10, 0x82, 0xbe, 0xbf, 0x7e, 0x41)),
            (2, Gen.Choose(0, 8)),
            (1, Gen.Choose(0x20, 0x3f)),
            (1, Gen.Choose(0x80, 0x88)))
            .Select(value => (byte)value);
        Prop.ForAll(any.ArrayOf().ArrayOf().ToArbitrary(), blocks =>
        {
            var decoder = new HpackDecoder(300, 1000);
            var list = new HeaderList();
            foreach (byte[] block in blocks)
            {
                list.Clear();
                if (decoder.Decode(block, list) is { Scope: ViolationScope.Connection })
                    break;
                Assert.InRange(decoder.Table.Size, 0, 300);
                Assert.Equal(decoder.Table.Size, Fields.Lines(decoder.Table).Sum(line => line.Length - 2 + 32));
            }
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(5000));
    }

    private static Gen<string> AnyText(int longest) =>
        from length in Gen.Choose(0, longest)
        from bytes in Gen.Choose(0, 255).ArrayOf(length)
        select Encoding.Latin1.GetString([.. bytes.Select(value => (byte)value)]);

    private static void AssertRoundTrip(IEnumerable<Step> steps, int cap)
    {
        var encoder = new HpackEncoder(cap);
        var decoder = new HpackDecoder(4096, int.MaxValue);
        var received = new HeaderList();
        foreach (Step step in steps)
        {
            if (step.TableSize is { } size)
            {
                encoder.SetPeerTableSize(size);
                decoder.SetTableSizeLimit((int)size);
                continue;
            }

            var sent = new HeaderList();
            foreach (Field field in step.Fields)
                sent.Add(new HeaderField(Encoding.Latin1.GetBytes(field.Name), Encoding.Latin1.GetBytes(field.Value), field.Indexing));
            received.Clear();
            byte[] block = Fields.Encode(encoder, sent);
            Assert.Null(decoder.Decode(block, received));
            Assert.Equal(Fields.Lines(sent), Fields.Lines(received));
            Assert.Equal(Fields.Lines(encoder.Table), Fields.Lines(decoder.Table));
            Assert.Equal(encoder.Table.Size, decoder.Table.Size);
        }
    }

    private sealed record Field(string Name, string Value, HeaderIndexing Indexing);

    private sealed record Step(Field[] Fields, uint? TableSize);
}
