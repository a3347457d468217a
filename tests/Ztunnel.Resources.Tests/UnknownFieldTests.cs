using System.Text.RegularExpressions;
using static Ztunnel.Resources.Tests.Manifests;

namespace Ztunnel.Resources.Tests;

/// <summary>Fields that the API of a kind does not have: which are mistakes, how they are told, and what is merely remarked upon.</summary>
public sealed partial class UnknownFieldTests
{
    /// <summary>An object of each kind with every field that is read, and some that are not. Names that are the user's own are capitals.</summary>
    private static readonly Dictionary<string, string> Whole = new(StringComparer.Ordinal)
    {
        ["Pod"] = """
            apiVersion: v1
            kind: Pod
            metadata: {name: web, namespace: shop, uid: u, labels: {A: b}, annotations: {A: b}, creationTimestamp: "2026-01-31T12:00:00Z", ownerReferences: [{apiVersion: v1, kind: K, name: n, uid: u, controller: true}]}
            spec:
              nodeName: node-a
              serviceAccountName: web
              serviceAccount: web
              hostNetwork: false
              restartPolicy: Always
              affinity: {anything: {}}
              tolerations: []
              initContainers: [{name: i, restartPolicy: Always}]
              containers: [{name: main, image: i, command: [a], args: [b], env: [{name: A, value: b}, {name: C, valueFrom: {anything: {}}}], ports: [{name: http, containerPort: 80, protocol: TCP, hostPort: 80}], resources: {limits: {CPU: "1"}}, tty: true}]
            status: {podIP: 10.0.0.1, anything: {}}
            """,
        ["Service"] = """
            apiVersion: v1
            kind: Service
            metadata: {name: web}
            spec:
              type: ClusterIP
              clusterIP: 10.96.0.1
              clusterIPs: [10.96.0.1]
              ipFamilies: [IPv4]
              ipFamilyPolicy: SingleStack
              selector: {A: b}
              publishNotReadyAddresses: false
              internalTrafficPolicy: Cluster
              trafficDistribution: PreferClose
              sessionAffinity: None
              sessionAffinityConfig: {anything: {}}
              ports: [{name: http, port: 80, targetPort: http, protocol: TCP, appProtocol: http, nodePort: 30000}]
            """,
        ["EndpointSlice"] = """
            apiVersion: discovery.k8s.io/v1
            kind: EndpointSlice
            metadata: {name: web}
            addressType: IPv4
            ports: [{name: http, port: 80, protocol: TCP, appProtocol: http}]
            endpoints: [{addresses: [10.0.0.1], conditions: {ready: true, serving: true, terminating: false}, hostname: a, nodeName: n, zone: z, hints: {anything: []}, targetRef: {kind: Pod, name: web, namespace: default, uid: u}}]
            """,
        ["Node"] = """
            apiVersion: v1
            kind: Node
            metadata: {name: node-a}
            spec: {podCIDR: 10.244.1.0/24, podCIDRs: [10.244.1.0/24], providerID: a, taints: [], unschedulable: false}
            status: {addresses: [{type: InternalIP, address: 10.0.0.1}], anything: {}}
            """,
        ["Namespace"] = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, generateName: a, resourceVersion: \"1\", finalizers: [a], managedFields: [{anything: {}}]}\nspec: {}\nstatus: {phase: Active}\n",
        ["Gateway"] = """
            apiVersion: gateway.networking.k8s.io/v1
            kind: Gateway
            metadata: {name: edge}
            spec:
              gatewayClassName: istio
              infrastructure: {labels: {A: b}, annotations: {A: b}, parametersRef: {group: "", kind: ConfigMap, name: a}}
              addresses: [{type: IPAddress, value: 10.0.0.1}]
              listeners: [{name: web, port: 80, protocol: HTTP, hostname: a.example, tls: {mode: Terminate, certificateRefs: [{group: "", kind: Secret, namespace: a, name: b}], options: {}}, allowedRoutes: {kinds: [{group: gateway.networking.k8s.io, kind: HTTPRoute}], namespaces: {from: Selector, selector: {matchLabels: {A: b}, matchExpressions: [{key: a, operator: In, values: [b]}]}}}}]
            """,
        ["GatewayClass"] = "apiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\nmetadata: {name: istio}\nspec: {controllerName: a.example/b, description: some, parametersRef: {anything: {}}}\n",
        ["HTTPRoute"] = """
            apiVersion: gateway.networking.k8s.io/v1
            kind: HTTPRoute
            metadata: {name: web}
            spec:
              parentRefs: [{group: gateway.networking.k8s.io, kind: Gateway, namespace: a, name: edge, sectionName: web, port: 80}]
              hostnames: [a.example]
              useDefaultGateways: None
              rules:
              - name: one
                matches: [{path: {type: PathPrefix, value: /a}, method: GET, headers: [{type: Exact, name: a, value: b}], queryParams: [{type: Exact, name: a, value: b}]}]
                filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: a, value: b}], add: [{name: b, value: b}], remove: [c]}}, {type: CORS, cors: {allowOrigins: ["*"], allowMethods: [GET], allowHeaders: [a], exposeHeaders: [a], allowCredentials: false, maxAge: 1}}, {type: RequestMirror, requestMirror: {backendRef: {name: b, port: 80}, fraction: {numerator: 1, denominator: 2}}}, {type: URLRewrite, urlRewrite: {hostname: a, path: {type: ReplacePrefixMatch, replacePrefixMatch: /}}}]
                timeouts: {request: 2s, backendRequest: 1s}
                retry: {codes: [500], attempts: 1, backoff: 1s}
                backendRefs: [{group: "", kind: Service, namespace: a, name: b, port: 80, weight: 1, filters: []}]
              - filters: [{type: RequestRedirect, requestRedirect: {scheme: https, hostname: a, path: {type: ReplaceFullPath, replaceFullPath: /}, port: 443, statusCode: 301}}]
              - filters: [{type: ExtensionRef, extensionRef: {group: a.example, kind: B, name: c}}, {type: ResponseHeaderModifier, responseHeaderModifier: {remove: [a]}}]
            """,
        ["GRPCRoute"] = """
            apiVersion: gateway.networking.k8s.io/v1
            kind: GRPCRoute
            metadata: {name: web}
            spec:
              parentRefs: [{name: edge}]
              rules: [{matches: [{method: {type: Exact, service: a, method: b}, headers: [{name: a, value: b}]}], filters: [], backendRefs: [{name: b, port: 80}]}]
            """,
        ["ReferenceGrant"] = """
            apiVersion: gateway.networking.k8s.io/v1beta1
            kind: ReferenceGrant
            metadata: {name: web}
            spec: {from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: a}], to: [{group: "", kind: Service, name: b}]}
            """,
        ["Secret"] = "apiVersion: v1\nkind: Secret\nmetadata: {name: web}\nimmutable: true\ntype: kubernetes.io/tls\ndata: {tls.crt: YQ==, tls.key: YQ==, OTHER: YQ==}\nstringData: {CERT: a}\n",
        ["PeerAuthentication"] = """
            apiVersion: security.istio.io/v1
            kind: PeerAuthentication
            metadata: {name: web}
            spec: {selector: {matchLabels: {A: b}}, mtls: {mode: STRICT}, portLevelMtls: {80: {mode: PERMISSIVE}}}
            """,
        ["AuthorizationPolicy"] = """
            apiVersion: security.istio.io/v1
            kind: AuthorizationPolicy
            metadata: {name: web}
            spec:
              action: DENY
              provider: {name: a}
              selector: {matchLabels: {A: b}}
              rules:
              - from: [{source: {principals: [a], notPrincipals: [a], requestPrincipals: [a], notRequestPrincipals: [a], namespaces: [a], notNamespaces: [a], trustDomains: [a], notTrustDomains: [a], ipBlocks: [10.0.0.1], notIpBlocks: [10.0.0.1], remoteIpBlocks: [10.0.0.1], notRemoteIpBlocks: [10.0.0.1]}}]
                to: [{operation: {hosts: [a], notHosts: [a], ports: ["80"], notPorts: ["80"], methods: [a], notMethods: [a], paths: [/a], notPaths: [/a]}}]
                when: [{key: source.ip, values: [10.0.0.1], notValues: [10.0.0.2]}]
              - from: [{source: {serviceAccounts: [a], notServiceAccounts: [b]}}]
            """,
        ["AuthorizationPolicy with targets"] = """
            apiVersion: security.istio.io/v1
            kind: AuthorizationPolicy
            metadata: {name: web}
            spec: {targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: edge, namespace: default}]}
            """,
        ["RequestAuthentication"] = """
            apiVersion: security.istio.io/v1
            kind: RequestAuthentication
            metadata: {name: web}
            spec:
              targetRef: {kind: Service, name: web}
              jwtRules: [{issuer: a, audiences: [a], jwksUri: "https://a.example/", fromHeaders: [{name: a, prefix: b}], fromParams: [a], fromCookies: [a], outputPayloadToHeader: a, outputClaimToHeaders: [{header: a, claim: b}], forwardOriginalToken: true, timeout: 5s, spaceDelimitedClaims: [a]}]
            """,
    };

    public static TheoryData<string> Kinds => [.. Whole.Keys];

    public static TheoryData<string, string> Mistakes => new()
    {
        { Policy("PeerAuthentication", "{mtls: {mod: STRICT}}"), "PeerAuthentication default/p: spec.mtls.mod: is not known here; most likely mode is meant" },
        { Policy("PeerAuthentication", "{MTLS: {mode: STRICT}}"), "PeerAuthentication default/p: spec.MTLS: is not known here; most likely mtls is meant" },
        { Policy("PeerAuthentication", "{tls: null}"), "PeerAuthentication default/p: spec.tls: is not known here; most likely mtls is meant" },
        { Policy("PeerAuthentication", "{strict: true}"), "PeerAuthentication default/p: spec.strict: is not known here, where there may be mtls, portLevelMtls, selector" },
        { Policy("AuthorizationPolicy", "{selectr: {matchLabels: {app: web}}}"), "AuthorizationPolicy default/p: spec.selectr: is not known here; most likely selector is meant" },
        { Policy("AuthorizationPolicy", "{rulez: [{}]}"), "AuthorizationPolicy default/p: spec.rulez: is not known here; most likely rules is meant" },
        { Policy("AuthorizationPolicy", "{rules: [{form: []}]}"), "AuthorizationPolicy default/p: spec.rules[0].form: is not known here; most likely from is meant" },
        { Policy("AuthorizationPolicy", "{rules: [{to: [{operation: {ports: [\"80\"], path: [/]}}]}]}"), "AuthorizationPolicy default/p: spec.rules[0].to[0].operation.path: is not known here; most likely paths is meant" },
        { Policy("AuthorizationPolicy", "{rules: [{when: [{key: source.ip, values: [10.0.0.1], exclude: [10.0.0.2]}]}]}"), "AuthorizationPolicy default/p: spec.rules[0].when[0].exclude: is not known here, where there may be key, notValues, values" },
        { Policy("PeerAuthentication", "{}").Replace("spec:", "specs:", StringComparison.Ordinal), "PeerAuthentication default/p: specs: is not known here; most likely spec is meant" },
        { "apiVersion: v1\nkind: Service\nmetadata: {name: p}\nspec: {ports: [{port: 80, targetport: 8080}]}\n", "Service default/p: spec.ports[0].targetport: is not known here; most likely targetPort is meant" },
        { "apiVersion: v1\nkind: Service\nmetadata: {name: p}\nspec: {slector: {app: web}}\n", "Service default/p: spec.slector: is not known here; most likely selector is meant" },
        { "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: a, prots: []}]}\n", "Pod default/p: spec.containers[0].prots: is not known here; most likely ports is meant" },
        { "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {HostNetwork: true}\n", "Pod default/p: spec.HostNetwork: is not known here; most likely hostNetwork is meant" },
        { "apiVersion: v1\nkind: Pod\nmetadata: {name: p, uid: u}\nsepc: {}\n", "Pod default/p: sepc: is not known here; most likely spec is meant" },
        { "apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: default}\nstats: {}\n", "Pod default/p: stats: is not known here; most likely status is meant" },
        { "apiVersion: v1\nkind: Namespace\nx: 1\nmetadata: {name: p, lables: {istio.io/dataplane-mode: ambient}}\n", "Namespace p: metadata.lables: is not known here; most likely labels is meant" },
    };

    [Theory]
    [MemberData(nameof(Mistakes))]
    public void A_misspelt_field_is_a_mistake_told_with_what_was_meant(string yaml, string problem)
    {
        ManifestFile file = Read(yaml);

        ResourceProblem told = file.Problems.First(told => !told.IsRemark);
        Assert.Equal($"x.yaml:4: {problem}", told.ToString());
        Assert.Single(file.Broken);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void What_the_api_has_is_known(string kind)
    {
        Assert.Equal([], Problems(Whole[kind]));
    }

    /// <summary>Whichever field of an object has a letter wrong, the object is not taken as it stands.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public void No_field_can_be_misspelt_in_silence(string kind)
    {
        string yaml = Whole[kind];
        string looked = Regex.Replace(yaml, "(anything|managedFields|resources|parametersRef).*", found => new string(' ', found.Length), RegexOptions.ExplicitCapture, TimeSpan.FromSeconds(1));
        int status = looked.IndexOf("\nstatus:", StringComparison.Ordinal);
        int tried = 0;
        foreach (Match name in FieldName().Matches(status < 0 ? looked : looked[..status]))
        {
            string[] slips = [name.Value + name.Value[^1], name.Value[1..], name.Value.ToUpperInvariant()];
            foreach (string slip in slips.Where(slip => !FieldName().Matches(yaml).Any(other => other.Value == slip)))
            {
                ManifestFile file = Read(yaml[..name.Index] + slip + yaml[(name.Index + name.Length)..]);
                Assert.True(file.Problems.Any(problem => !problem.IsRemark), $"{kind}: {slip} for {name.Value}");
                Assert.DoesNotContain(file.Objects.Values, held => !held.Object.StandsIn);
                tried++;
            }
        }

        Assert.True(tried > 4, $"only {tried} tried");
    }

    [Theory]
    [InlineData("apiVersion: v1\nkind: Service\nmetadata: {name: p}\nspec: {ports: [{port: 80, quality: good}], madeUpLater: {a: 1}}\n", "Service default/p: spec.madeUpLater|Service default/p: spec.ports[0].quality")]
    [InlineData("apiVersion: v1\nkind: Pod\nmetadata: {name: p, whatever: 1}\nspec: {newThing: 1}\nstatus: {podIPsss: 1, phaze: 2}\nextra: 1\n", "Pod default/p: extra|Pod default/p: spec.newThing")]
    public void A_field_of_a_newer_api_is_remarked_upon_and_costs_nothing(string yaml, string fields)
    {
        ManifestFile file = Read(yaml);

        Assert.All(file.Problems, problem => Assert.True(problem.IsRemark));
        Assert.Equal(fields, string.Join('|', file.Problems.Select(problem => $"{problem.Object}: {problem.Field}")));
        Assert.All(file.Problems, problem => Assert.Equal("is not known here and is left alone", problem.Message));
        Assert.Empty(file.Broken);
        Assert.False(Assert.Single(file.Objects).Value.Object.StandsIn);
    }

    [Fact]
    public void Of_a_secret_not_even_the_name_of_a_field_is_quoted()
    {
        string problem = Assert.Single(Problems("apiVersion: v1\nkind: Secret\nmetadata: {name: p}\ndatas: {tls.crt: YQ==}\nunheard-of: 1\n"));

        Assert.Equal("x.yaml:4: Secret default/p: is not known here; most likely data is meant", problem);
        Assert.Equal("x.yaml:5: Secret default/p: is given twice, first at line 4", Assert.Single(Problems("apiVersion: v1\nkind: Secret\nmetadata: {name: p}\ndata: {}\ndata: {}\n")));
    }

    [Fact]
    public void What_is_not_read_is_not_looked_into()
    {
        Assert.Equal([], Problems("apiVersion: v1\nkind: Pod\nmetadata: {name: p, labels: {lables: a}, annotations: {label: a}}\nspec: {affinity: {nodeAffinty: {}}, nodeSelector: {nodeNam: a}}\n"));
    }

    [Fact]
    public void An_object_whose_namespace_is_misspelt_is_nobodys_and_the_one_that_was_stays()
    {
        ManifestFile good = Read("apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: p, namespace: shop}\nspec: {mtls: {mode: STRICT}}\n");

        ManifestFile file = Read("apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: p, namspace: shop}\nspec: {mtls: {mode: STRICT}}\n");

        Assert.Equal("x.yaml:3: PeerAuthentication: metadata.namspace: is not known here; most likely namespace is meant", Assert.Single(file.Problems).ToString());
        Assert.Empty(file.Objects);
        Assert.True(file.HasUnnamed);
        Assert.Equal("PeerAuthentication shop/p", Assert.Single(file.Keeping(good).Kept).ToString());
    }

    [Fact]
    public void A_list_whose_items_are_misspelt_is_not_an_empty_one()
    {
        ManifestFile file = Read("apiVersion: v1\nkind: List\nitms:\n- {apiVersion: v1, kind: Namespace, metadata: {name: a}}\n");

        Assert.Equal("x.yaml:3: itms: is not known here; most likely items is meant", Assert.Single(file.Problems).ToString());
        Assert.True(file.HasUnnamed);
    }

    [Fact]
    public void However_much_is_wrong_with_an_object_only_so_much_is_looked_at_and_told()
    {
        string fields = string.Join(", ", Enumerable.Range(0, 100_000).Select(i => $"unheard-of-{i}: 1"));

        ManifestFile policy = Read(Policy("PeerAuthentication", $"{{{fields}}}"));
        ManifestFile pod = Read($"apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec: {{{fields}}}\n");

        Assert.Equal(200, policy.Problems.Count);
        Assert.Single(policy.Broken);
        Assert.Equal("x.yaml:4: Pod default/p: has more than 999 fields that are not known", Assert.Single(pod.Problems, problem => !problem.IsRemark).ToString());
        Assert.Equal(201, pod.Problems.Count);
        Assert.Single(pod.Broken);
    }

    private static string Policy(string kind, string spec) => $"apiVersion: security.istio.io/v1\nkind: {kind}\nmetadata: {{name: p}}\nspec: {spec}\n";

    // Not what stands in quotes or after a colon, and no label of one capital letter.
    [GeneratedRegex(@"(?<=[{\s]|, )[a-z][A-Za-z]+(?=: |:\n)", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex FieldName();
}
