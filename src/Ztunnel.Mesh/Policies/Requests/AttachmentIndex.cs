using System.Collections.Concurrent;
using System.Collections.Immutable;

namespace Ztunnel.Mesh;

/// <summary>Policies by what they are attached to. Readers take no locks; writing is for one thread at a time.</summary>
internal sealed class AttachmentIndex<T>
    where T : class, IPolicy
{
    private readonly ConcurrentDictionary<PolicyAttachment, ImmutableArray<T>> _policies = new();

    public ImmutableArray<T> this[PolicyAttachment attachment] => _policies.GetValueOrDefault(attachment, []);

    public void Replace(T? old, T? @new)
    {
        foreach (PolicyAttachment attachment in old?.Attachments.Distinct() ?? [])
            Put(attachment, this[attachment].Remove(old!, EqualityComparer<T>.Default));
        foreach (PolicyAttachment attachment in @new?.Attachments.Distinct() ?? [])
            Put(attachment, this[attachment].Add(@new!));
    }

    private void Put(PolicyAttachment attachment, ImmutableArray<T> policies)
    {
        if (policies.IsEmpty)
            _policies.TryRemove(attachment, out _);
        else
            _policies[attachment] = policies;
    }
}
