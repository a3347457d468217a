namespace Ztunnel.Resources;

/// <summary>Tells a slip of the pen from another word.</summary>
internal static class Spelling
{
    private const int ShortWord = 4;

    /// <summary>The word most likely meant by <paramref name="given"/>, or null where none is near.</summary>
    public static string? Nearest(string given, IEnumerable<string> words) => words
        .Select(word => (Word: word, Distance: Distance(given, word)))
        .Where(candidate => candidate.Distance <= Tolerance(candidate.Word))
        .OrderBy(candidate => candidate.Distance)
        .ThenBy(candidate => candidate.Word, StringComparer.Ordinal)
        .FirstOrDefault().Word;

    /// <summary>Whether one may have been written for the other: the same but for case, or with a letter or two wrong.</summary>
    public static bool IsNear(string given, string word) => Distance(given, word) <= Tolerance(word);

    // Two letters are half of a short word, and make another of it.
    private static int Tolerance(string word) => word.Length <= ShortWord ? 1 : 2;

    /// <summary>
    /// How many letters are missing, too many, wrong or swapped with their neighbour, without regard to case (the optimal string
    /// alignment distance). Of words whose lengths differ by more than is ever tolerated merely something larger.
    /// </summary>
    private static int Distance(string a, string b)
    {
        if (Math.Abs(a.Length - b.Length) > 2)
            return int.MaxValue;
        int[] beforeLast = new int[b.Length + 1], last = [.. Enumerable.Range(0, b.Length + 1)], row = new int[b.Length + 1];
        for (int i = 1; i <= a.Length; i++)
        {
            row[0] = i;
            for (int j = 1; j <= b.Length; j++)
            {
                int changed = last[j - 1] + (Same(a[i - 1], b[j - 1]) ? 0 : 1);
                row[j] = Math.Min(changed, Math.Min(last[j], row[j - 1]) + 1);
                if (i > 1 && j > 1 && Same(a[i - 1], b[j - 2]) && Same(a[i - 2], b[j - 1]))
                    row[j] = Math.Min(row[j], beforeLast[j - 2] + 1);
            }

            (beforeLast, last, row) = (last, row, beforeLast);
        }

        return last[b.Length];
    }

    private static bool Same(char a, char b) => char.ToUpperInvariant(a) == char.ToUpperInvariant(b);
}
