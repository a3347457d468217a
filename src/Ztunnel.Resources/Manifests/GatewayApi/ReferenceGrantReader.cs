namespace Ztunnel.Resources;

/// <summary>Reads the body of a ReferenceGrant.</summary>
internal static class ReferenceGrantReader
{
    public static ReferenceGrantObject Read(ObjectMetadata metadata, Field root)
    {
        Field spec = root["spec"];
        foreach (string list in new[] { "from", "to" })
        {
            if (!spec[list].Items().Any())
                spec[list].Problem("needs at least one entry");
        }

        return new ReferenceGrantObject
        {
            Metadata = metadata,
            From = [.. spec["from"].Items().Select(From).OfType<GrantedFrom>()],
            To = [.. spec["to"].Items().Select(To).OfType<GrantedTo>()],
        };
    }

    private static GrantedFrom? From(Field field)
    {
        string? kind = field["kind"].RequiredText(), @namespace = field["namespace"].RequiredText(KubernetesSyntax.LabelFault);
        return kind is null || @namespace is null ? null : new GrantedFrom(field["group"].Text() ?? "", kind, @namespace);
    }

    private static GrantedTo? To(Field field) =>
        field["kind"].RequiredText() is { } kind
            ? new GrantedTo(field["group"].Text() ?? "", kind, field["name"].Text() is { Length: > 0 } name ? name : null)
            : null;
}
