using System.Buffers.Binary;
using System.Net.Sockets;

namespace Ztunnel.EndToEnd.Tests;

/// <summary>More bytes than a signed 32-bit count holds, of which each place can be told from every other.</summary>
internal static class NumberedBlocks
{
    private const int BlockBytes = 1024 * 1024;
    private const int Blocks = (2 * 1024) + 64;

    /// <summary>Sends 2 GiB and more, in blocks that each begin with their number, and ends.</summary>
    public static async Task Send(Socket socket)
    {
        byte[] block = new byte[BlockBytes];
        for (long number = 0; number < Blocks; number++)
        {
            BinaryPrimitives.WriteInt64LittleEndian(block, number);
            for (int sent = 0; sent < block.Length;)
                sent += await socket.SendAsync(block.AsMemory(sent));
        }

        socket.Shutdown(SocketShutdown.Send);
    }

    /// <summary>Receives them, checking each, up to the end.</summary>
    public static async Task Receive(Socket socket)
    {
        byte[] block = new byte[BlockBytes];
        for (long number = 0; number < Blocks; number++)
        {
            for (int received = 0; received < block.Length;)
            {
                int count = await socket.ReceiveAsync(block.AsMemory(received));
                Assert.NotEqual(0, count);
                received += count;
            }

            Assert.Equal(number, BinaryPrimitives.ReadInt64LittleEndian(block));
            Assert.Equal(-1, block.AsSpan(sizeof(long)).IndexOfAnyExcept((byte)0));
        }

        Assert.Equal(0, await socket.ReceiveAsync(block));
    }
}
