using System.Net;
using System.Text.Json.Nodes;
using Ztunnel.Capture;
using Ztunnel.Kubernetes;
using Ztunnel.Mesh;
using Ztunnel.Resources;

namespace Ztunnel;

/// <summary>Writes on pods that they are enrolled, through their status, which who may only make pods may not write; and tells of it by Events.</summary>
internal sealed class ClusterAnnouncer(ApiClient api, EventRecorder events) : IPodAnnouncer
{
    /// <inheritdoc/>
    public async Task Annotate(Workload pod, bool enrolled, CancellationToken cancellationToken)
    {
        var patch = new JsonObject
        {
            ["metadata"] = new JsonObject
            {
                // A pod of the same name that is another is left alone: the server refuses the patch.
                ["uid"] = pod.Uid,
                ["annotations"] = new JsonObject
                {
                    [PodObject.RedirectionAnnotation] = enrolled ? PodObject.Redirected : null,
                    [PodObject.ServiceAccountAnnotation] = enrolled ? pod.ServiceAccount : null,
                },
            },
        };
        try
        {
            await api.MergePatch(ApiResource.Pods.Named(pod.Namespace, pod.Name).Status, patch, cancellationToken);
        }
        catch (ApiException gone) when (gone.Code is HttpStatusCode.NotFound or HttpStatusCode.Conflict)
        {
            // Nobody asks a pod that is gone.
        }
    }

    /// <inheritdoc/>
    public void Tell(Workload pod, PodNews news, string message)
    {
        var regarding = new ObjectReference("v1", "Pod", pod.Namespace, pod.Name, pod.Uid);
        switch (news)
        {
            case PodNews.AmbientEnrolmentFailed or PodNews.AmbientRanUncaptured:
                events.Warning(regarding, news.ToString(), "Enrol", message);
                break;
            case PodNews.AmbientReleased:
                events.Normal(regarding, news.ToString(), "Release", message);
                break;
            default:
                events.Normal(regarding, news.ToString(), "Enrol", message);
                break;
        }
    }
}
