using System.Text;

namespace Ztunnel.Lab;

/// <summary>The last part of what a process wrote to one of its outputs.</summary>
internal sealed class ProcessOutput(int kept)
{
    private readonly Lock _lock = new();
    private readonly StringBuilder _text = new();

    public string Text
    {
        get
        {
            lock (_lock)
                return _text.ToString();
        }
    }

    public async Task Collect(StreamReader reader)
    {
        char[] buffer = new char[8192];
        int count;
        while ((count = await reader.ReadAsync(buffer)) > 0)
        {
            lock (_lock)
            {
                _text.Append(buffer, 0, count);
                if (_text.Length > kept)
                    _text.Remove(0, _text.Length - kept);
            }
        }
    }
}
