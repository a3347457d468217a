using System.Globalization;
using System.Text.Json.Nodes;
using Ztunnel.Testing;

namespace Ztunnel.Benchmarks;

/// <summary>
/// An API server with the pods and slices of a large cluster. A pod is as large as pods are: a container with environment,
/// probes and volumes, managed fields, and a status with conditions. A service has ten pods, and a slice.
/// </summary>
internal sealed class LoadedCluster(ApiServer server, int nodes, int pods)
{
    private const int PodsOfService = 10;

    private static readonly string[] Managers = ["kube-controller-manager", "kubelet", "ztunnel"];

    public ApiServer Server => server;

    public int Nodes => nodes;

    public static string NodeName(int node) => $"node-{node:0000}";

    /// <summary>Puts every object there is at the start.</summary>
    public void Fill()
    {
        for (int ns = 0; ns < 100; ns++)
            server.Objects.Put(Parse($$"""{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"{{Namespace(ns)}}","labels":{"istio.io/dataplane-mode":"ambient"} } }"""));
        for (int pod = 0; pod < pods; pod++)
            server.Objects.Put(Pod(pod, ready: true));
        for (int service = 0; service < pods / PodsOfService; service++)
            server.Objects.Put(Slice(service, unready: -1));
    }

    /// <summary>A pod becomes unready or ready again, as its kubelet and the slice controller write it: two changes.</summary>
    public void Toggle(int pod, bool ready)
    {
        server.Objects.Put(Pod(pod, ready));
        server.Objects.Put(Slice(pod / PodsOfService, ready ? -1 : pod));
    }

    private static string Namespace(int number) => $"team-{number % 100:00}";

    private static string Address(int pod) => string.Create(CultureInfo.InvariantCulture, $"10.{64 + (pod >> 16)}.{(pod >> 8) & 255}.{pod & 255}");

    private static JsonObject Parse(string json) => JsonNode.Parse(json)!.AsObject();

    private JsonObject Pod(int number, bool ready)
    {
        int service = number / PodsOfService;
        string app = $"service-{service:00000}", status = ready ? "True" : "False", ip = Address(number);
        return Parse($$"""
            {"apiVersion":"v1","kind":"Pod",
             "metadata":{"name":"{{app}}-7d9c5b6f4d-{{number:x5}}","namespace":"{{Namespace(service)}}",
              "labels":{"app":"{{app}}","version":"v1","pod-template-hash":"7d9c5b6f4d","app.kubernetes.io/name":"{{app}}","app.kubernetes.io/part-of":"shop"},
              "annotations":{"ambient.istio.io/redirection":"enabled","ztunnel.io/service-account":"{{app}}","prometheus.io/scrape":"true","checksum/config":"{{number:x64}}"},
              "ownerReferences":[{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"{{app}}-7d9c5b6f4d","uid":"{{Guid(service, 1)}}","controller":true,"blockOwnerDeletion":true}],
              "managedFields":[{{string.Join(',', Managers.Select(ManagedFields))}}]},
             "spec":{"nodeName":"{{NodeName(number % nodes)}}","serviceAccountName":"{{app}}","restartPolicy":"Always","dnsPolicy":"ClusterFirst","terminationGracePeriodSeconds":30,
              "containers":[{"name":"app","image":"registry.example/shop/{{app}}:1.42.0","ports":[{"name":"http","containerPort":8080,"protocol":"TCP"}],
               "env":[{{string.Join(',', Enumerable.Range(0, 12).Select(i => $$"""{"name":"SETTING_{{i}}","value":"value of setting {{i}}"}"""))}}],
               "resources":{"requests":{"cpu":"100m","memory":"128Mi"},"limits":{"memory":"512Mi"} },
               "readinessProbe":{"httpGet":{"path":"/ready","port":8080},"periodSeconds":5},"livenessProbe":{"httpGet":{"path":"/live","port":8080},"periodSeconds":10},
               "volumeMounts":[{"name":"config","mountPath":"/etc/app"},{"name":"kube-api-access-x2x4z","mountPath":"/var/run/secrets/kubernetes.io/serviceaccount","readOnly":true}]}],
              "volumes":[{"name":"config","configMap":{"name":"{{app}}"} },{"name":"kube-api-access-x2x4z","projected":{"sources":[{"serviceAccountToken":{"path":"token","expirationSeconds":3607} }]} }],
              "tolerations":[{"key":"node.kubernetes.io/not-ready","operator":"Exists","effect":"NoExecute","tolerationSeconds":300},{"key":"node.kubernetes.io/unreachable","operator":"Exists","effect":"NoExecute","tolerationSeconds":300}]},
             "status":{"phase":"Running","podIP":"{{ip}}","podIPs":[{"ip":"{{ip}}"}],"hostIP":"192.168.0.1","startTime":"2026-01-01T00:00:00Z","qosClass":"Burstable",
              "conditions":[{{string.Join(',', ((string[])["PodReadyToStartContainers", "Initialized", "ContainersReady", "PodScheduled", "Ready"]).Select(type =>
                  $$"""{"type":"{{type}}","status":"{{(type is "Ready" or "ContainersReady" ? status : "True")}}","lastTransitionTime":"2026-01-01T00:00:00Z"}"""))}}],
              "containerStatuses":[{"name":"app","ready":{{(ready ? "true" : "false")}},"started":true,"restartCount":0,"image":"registry.example/shop/{{app}}:1.42.0",
               "imageID":"registry.example/shop/{{app}}@sha256:{{service:x64}}","containerID":"containerd://{{number:x64}}","state":{"running":{"startedAt":"2026-01-01T00:00:00Z"} } }]} }
            """);
    }

    /// <summary>What a manager of fields leaves behind; the real server keeps it in every object, and gives it with the metadata.</summary>
    private static string ManagedFields(string manager) => $$$"""
        {"manager":"{{{manager}}}","operation":"Update","apiVersion":"v1","time":"2026-01-01T00:00:00Z","fieldsType":"FieldsV1","fieldsV1":{"f:metadata":{"f:labels":{".":{},"f:app":{},"f:version":{},"f:pod-template-hash":{}},"f:ownerReferences":{".":{} } },"f:spec":{"f:containers":{"k:{\"name\":\"app\"}":{".":{},"f:env":{},"f:image":{},"f:ports":{},"f:resources":{} } },"f:volumes":{} } } }
        """;

    private JsonObject Slice(int service, int unready)
    {
        string app = $"service-{service:00000}", ns = Namespace(service);
        IEnumerable<string> endpoints = Enumerable.Range(service * PodsOfService, PodsOfService).Select(pod => $$"""
            {"addresses":["{{Address(pod)}}"],"conditions":{"ready":{{(pod == unready ? "false" : "true")}},"serving":{{(pod == unready ? "false" : "true")}},"terminating":false},
             "nodeName":"{{NodeName(pod % nodes)}}","zone":"zone-{{pod % 3}}","targetRef":{"kind":"Pod","name":"{{app}}-7d9c5b6f4d-{{pod:x5}}","namespace":"{{ns}}","uid":"{{Guid(pod, 2)}}"} }
            """);
        return Parse($$"""
            {"apiVersion":"discovery.k8s.io/v1","kind":"EndpointSlice","addressType":"IPv4",
             "metadata":{"name":"{{app}}-x7k2p","namespace":"{{ns}}","labels":{"kubernetes.io/service-name":"{{app}}","endpointslice.kubernetes.io/managed-by":"endpointslice-controller.k8s.io"} },
             "ports":[{"name":"http","port":8080,"protocol":"TCP"}],
             "endpoints":[{{string.Join(',', endpoints)}}]}
            """);
    }

    private static Guid Guid(int number, int kind) => new(number, (short)kind, 0, 0, 0, 0, 0, 0, 0, 0, 0);
}
