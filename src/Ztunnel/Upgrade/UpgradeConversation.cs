using System.Runtime.InteropServices;
using System.Text.Json;
using Microsoft.Win32.SafeHandles;
using Ztunnel.IO;

namespace Ztunnel;

/// <summary>The conversation between an agent and the one that takes over from it. Each call runs on a thread that may block.</summary>
internal sealed class UpgradeConversation(DescriptorSocket socket) : IDisposable
{
    /// <summary>Says something. Throws <see cref="IOException"/> when the other is gone.</summary>
    public Task Say(UpgradeMessage message, params IReadOnlyList<SafeHandle> sockets) =>
        Task.Run(() => socket.Send(JsonSerializer.SerializeToUtf8Bytes(message, UpgradeJson.Default.UpgradeMessage), sockets));

    /// <summary>Hears what comes next. Throws <see cref="IOException"/> when the other is gone, or says what makes no sense.</summary>
    public Task<(UpgradeMessage Message, IReadOnlyList<SafeFileHandle> Sockets)> Hear() => Task.Run(() =>
    {
        byte[] bytes = socket.Receive(out IReadOnlyList<SafeFileHandle> sockets);
        try
        {
            return (Read(bytes, sockets.Count), sockets);
        }
        catch
        {
            foreach (SafeFileHandle each in sockets)
                each.Dispose();
            throw;
        }
    });

    /// <summary>Ends what is waited for, now and later.</summary>
    public void Interrupt() => socket.Interrupt();

    private static UpgradeMessage Read(byte[] bytes, int sockets)
    {
        if (bytes.Length == 0)
            throw new EndOfStreamException("the other agent ended the conversation");
        try
        {
            UpgradeMessage message = JsonSerializer.Deserialize(bytes, UpgradeJson.Default.UpgradeMessage)
                ?? throw new IOException("the other agent said nothing");
            int named = message.Connections is null ? message.Addresses?.Count ?? 0 : sockets;
            return named == sockets
                ? message
                : throw new IOException($"the other agent named {named} sockets and passed {sockets}");
        }
        catch (JsonException e)
        {
            throw new IOException($"the other agent said what cannot be read: {e.Message}", e);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => socket.Dispose();
}
