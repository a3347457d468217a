using System.Text;
using static Ztunnel.Resources.Tests.Manifests;

namespace Ztunnel.Resources.Tests;

/// <summary>No text, however broken, is more than a problem.</summary>
public sealed class ManifestFuzzTests
{
    private static readonly string[] Fragments =
    [
        "---\n", "...\n", "%YAML 1.2\n", "%TAG ! x\n", "&a ", "*a", "!!str ", "!<tag:x> ", "| ", ">-\n", "? ", ": ", "- ", "{", "}", "[", "]", "\"", "'", "\t", "\r\n", "#", "<<: *a\n",
        "\"\\U00110000\"", "\"\\uD800\"", "\"\\xZZ\"", "\"\\q\"", "@", "`", "\0", "\u0085", "\u2028", "\ufeff", "~", "null", "0x", "1e999", "99999999999999999999", "\n", "    ",
    ];

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void Broken_text_is_read_without_fault(int seed)
    {
        var random = new Random(seed);
        string[] originals =
        [
            .. Directory.GetFiles(Repository.Path("deploy/demo")).Order(StringComparer.Ordinal).Select(File.ReadAllText),
            Join(Pod("a", "10.0.0.1"), Service("b", "10.96.0.1"), Slice("c", "b", 80, "10.0.0.1")),
            """{"apiVersion":"v1","kind":"List","items":[{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a","labels":{"a":"b"}}}]}""",
        ];

        for (int round = 0; round < 1000; round++)
        {
            var text = new StringBuilder(originals[random.Next(originals.Length)]);
            for (int change = random.Next(1, 6); change > 0; change--)
            {
                int at = random.Next(text.Length);
                text.Remove(at, Math.Min(random.Next(0, 8), text.Length - at));
                text.Insert(at, Fragments[random.Next(Fragments.Length)]);
            }

            byte[] content = Encoding.UTF8.GetBytes(text.ToString());
            if (random.Next(10) == 0)
                content[random.Next(content.Length)] = (byte)random.Next(256);
            ManifestFile file = ManifestReader.Read("x.yaml", content);
            Assert.All(file.Problems, problem => Assert.DoesNotContain(problem.ToString(), char.IsControl));
        }
    }
}
