namespace Ztunnel.Resources;

/// <summary>What becomes of fields that the API of a kind does not have. One spelt almost as one that it has is a mistake in all but the last.</summary>
internal enum UnknownFields
{
    /// <summary>Each is a mistake: what is left out here might let in what was meant to be kept out.</summary>
    Refused,

    /// <summary>The others are remarked upon: a newer API may well have them.</summary>
    Remarked,

    /// <summary>The others are nobody's business.</summary>
    Tolerated,

    /// <summary>None is looked at, nor what is in them.</summary>
    Ignored,
}
