using Ztunnel.Testing;

namespace Ztunnel.Kubernetes.Tests;

/// <summary>How the tests' API server is reached.</summary>
internal static class ServerAccess
{
    public static ApiAccess Of(ApiServer server, ApiUser? user = null)
    {
        using var directory = new TemporaryDirectory();
        string file = Path.Combine(directory.Path, "config");
        server.WriteKubeconfig(file, user);
        return ApiAccess.FromKubeconfig(file);
    }
}
