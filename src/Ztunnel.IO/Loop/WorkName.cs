using System.Reflection;

namespace Ztunnel.IO;

/// <summary>Turns what a loop is running into words: an async method, a callback, a handler.</summary>
internal static class WorkName
{
    /// <summary>A name like <c>Relay.PumpAsync</c>.</summary>
    public static string Of(object? work) => work switch
    {
        null => "nothing",
        Action { Target: not null } action => Of(action.Target),
        Delegate callback => OfMethod(callback.Method),
        _ => OfType(work.GetType()),
    };

    /// <summary>The same, or the name of <paramref name="awaiter"/> when the work itself has ended and it is that which runs now.</summary>
    public static string Of(object? work, object? awaiter)
    {
        if (work is not Task { IsCompleted: true } || awaiter is null)
            return Of(work);
        object? caller = Awaiter.Unwrap(awaiter);
        bool over = (caller as Action)?.Target is Task { IsCompleted: true } || caller is Task { IsCompleted: true };
        return over ? $"what awaits {Of(caller)}" : Of(caller);
    }

    private static string OfType(Type type)
    {
        // The state of an awaiting async method is a box generic over its state machine, which is named <Method>d__N.
        Type machine = Array.Find(type.GenericTypeArguments, IsStateMachine) ?? type;
        return IsStateMachine(machine) ? $"{Outer(machine)}.{Between(machine.Name)}" : type.Name;
    }

    private static string OfMethod(MethodInfo method) =>
        method.DeclaringType is { } type ? $"{(IsGenerated(type) ? Outer(type) : type.Name)}.{Between(method.Name)}" : method.Name;

    private static bool IsStateMachine(Type type) => IsGenerated(type) && type.Name.Contains(">d", StringComparison.Ordinal);

    private static bool IsGenerated(Type type) => type.Name.StartsWith('<');

    /// <summary>The nearest enclosing type somebody wrote.</summary>
    private static string Outer(Type type)
    {
        Type? outer = type.DeclaringType;
        while (outer is not null && IsGenerated(outer))
            outer = outer.DeclaringType;
        return outer?.Name ?? type.Name;
    }

    /// <summary>
    /// The method somebody wrote from the name the compiler made of it: <c>Run</c> of <c>&lt;Run&gt;d__5</c> and of the lambda
    /// <c>&lt;&lt;Run&gt;b__0&gt;d</c>, <c>Run.Inner</c> of the local function <c>&lt;Run&gt;g__Inner|0_1</c>.
    /// </summary>
    private static string Between(string name)
    {
        int start = name.LastIndexOf('<') + 1;
        int end = name.IndexOf('>', StringComparison.Ordinal);
        if (start == 0 || end < start)
            return name;
        int local = name.IndexOf(">g__", end, StringComparison.Ordinal);
        int bar = name.IndexOf('|', end);
        return local < 0 || bar < 0 ? name[start..end] : $"{name[start..end]}.{name[(local + 4)..bar]}";
    }
}
