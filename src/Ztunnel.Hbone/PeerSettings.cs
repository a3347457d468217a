using Ztunnel.Hbone.Flow;
using Ztunnel.Hbone.Wire;

namespace Ztunnel.Hbone;

/// <summary>What the peer's SETTINGS say, from the initial values of RFC 9113 section 6.5.2 on.</summary>
internal sealed class PeerSettings
{
    /// <summary>SETTINGS_MAX_FRAME_SIZE until the peer says more.</summary>
    public const int InitialMaxFrameSize = 16_384;

    /// <summary>The peer's SETTINGS have arrived.</summary>
    public bool Received { get; private set; }

    /// <summary>Streams the peer lets us have open; null until it says so.</summary>
    public int? MaxConcurrentStreams { get; private set; }

    /// <summary>Send window of a new stream.</summary>
    public int InitialWindow { get; private set; } = ConnectionWindow.Initial;

    /// <summary>Largest frame payload the peer takes.</summary>
    public int MaxFrameSize { get; private set; } = InitialMaxFrameSize;

    /// <summary>Takes over a checked SETTINGS payload; returns by how much the initial window changed.</summary>
    public int Apply(ReadOnlySpan<byte> payload, HpackEncoder encoder)
    {
        int before = InitialWindow;
        Received = true;
        foreach (Setting setting in FramePayload.Settings(payload))
        {
            switch (setting.Id)
            {
                case SettingId.HeaderTableSize:
                    encoder.SetPeerTableSize(setting.Value);
                    break;
                case SettingId.MaxConcurrentStreams:
                    MaxConcurrentStreams = (int)Math.Min(setting.Value, int.MaxValue);
                    break;
                case SettingId.InitialWindowSize:
                    InitialWindow = (int)setting.Value;
                    break;
                case SettingId.MaxFrameSize:
                    MaxFrameSize = (int)setting.Value;
                    break;
                default:
                    break;
            }
        }

        return InitialWindow - before;
    }
}
