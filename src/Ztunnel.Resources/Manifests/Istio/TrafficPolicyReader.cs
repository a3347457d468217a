using Ztunnel.Mesh;

namespace Ztunnel.Resources;

/// <summary>Reads a <c>trafficPolicy</c>, and names what of it nothing comes of.</summary>
internal static class TrafficPolicyReader
{
    private static readonly Dictionary<string, bool> UpgradePolicies =
        new(StringComparer.Ordinal) { ["DEFAULT"] = false, ["DO_NOT_UPGRADE"] = false, ["UPGRADE"] = true };

    private static readonly Dictionary<string, LoadBalancing> Algorithms = new(StringComparer.Ordinal)
    {
        ["UNSPECIFIED"] = LoadBalancing.LeastRequests,
        ["LEAST_CONN"] = LoadBalancing.LeastRequests,
        ["LEAST_REQUEST"] = LoadBalancing.LeastRequests,
        ["ROUND_ROBIN"] = LoadBalancing.RoundRobin,
        ["RANDOM"] = LoadBalancing.Random,
        ["PASSTHROUGH"] = LoadBalancing.Passthrough,
    };

    private static readonly Dictionary<string, TlsOriginationMode> Modes = new(StringComparer.Ordinal)
    {
        ["DISABLE"] = TlsOriginationMode.Disable,
        ["SIMPLE"] = TlsOriginationMode.Simple,
        ["MUTUAL"] = TlsOriginationMode.Mutual,
        ["ISTIO_MUTUAL"] = TlsOriginationMode.IstioMutual,
    };

    private static readonly string[] OfPolicies = ["tunnel", "proxyProtocol", "retryBudget"];
    private static readonly string[] OfHttp = ["useClientProtocol", "maxConcurrentStreams"];
    private static readonly string[] OfBalancers = ["localityLbSetting", "warmup", "warmupDurationSecs"];
    private static readonly string[] OfHashes = ["ringHash", "maglev", "minimumRingSize"];
    private static readonly string[] OfCookies = ["attributes"];
    private static readonly string[] OfTls = ["caCrl"];

    /// <summary>Reads it; what nothing comes of is added to <paramref name="unused"/> by its path.</summary>
    public static TrafficPolicy Read(Field policy, List<string> unused)
    {
        NotEnforced(policy, OfPolicies, unused);
        return new TrafficPolicy
        {
            ConnectionPool = policy["connectionPool"].Present ? ReadPool(policy["connectionPool"], unused) : null,
            OutlierDetection = policy["outlierDetection"].Present ? ReadOutliers(policy["outlierDetection"]) : null,
            LoadBalancer = policy["loadBalancer"].Present ? ReadBalancer(policy["loadBalancer"], unused) : null,
            Tls = policy["tls"].Present ? ReadTls(policy["tls"], unused) : null,
        };
    }

    private static void NotEnforced(Field field, string[] names, List<string> unused) =>
        unused.AddRange(names.Select(name => field[name]).Where(given => given.Present).Select(given => given.Path));

    private static ConnectionPool ReadPool(Field pool, List<string> unused)
    {
        Field tcp = pool["tcp"], http = pool["http"], keepAlive = tcp["tcpKeepalive"];
        NotEnforced(http, OfHttp, unused);
        return new ConnectionPool
        {
            MaxConnections = Limit(tcp["maxConnections"]),
            ConnectTimeout = Positive(tcp["connectTimeout"]),
            TcpIdleTimeout = Positive(tcp["idleTimeout"]),
            MaxConnectionDuration = Positive(tcp["maxConnectionDuration"]),
            KeepAlive = keepAlive.Present ? new TcpKeepAlive(Limit(keepAlive["probes"]), Positive(keepAlive["time"]), Positive(keepAlive["interval"])) : null,
            MaxPendingRequests = Limit(http["http1MaxPendingRequests"]),
            MaxRequests = Limit(http["http2MaxRequests"]),
            MaxRequestsPerConnection = Limit(http["maxRequestsPerConnection"]),
            MaxRetries = Limit(http["maxRetries"]),
            HttpIdleTimeout = Positive(http["idleTimeout"]),
            UpgradeToHttp2 = http["h2UpgradePolicy"].OneOf(UpgradePolicies) ?? false,
        };
    }

    private static OutlierDetection ReadOutliers(Field field)
    {
        var defaults = new OutlierDetection();
        bool split = field["splitExternalLocalOriginErrors"].Flag() ?? false;
        int? local = Count(field["consecutiveLocalOriginFailures"]);
        if (local > 0 && !split)
            field["consecutiveLocalOriginFailures"].Problem("needs splitExternalLocalOriginErrors");
        return new OutlierDetection
        {
            Consecutive5xxErrors = Count(field["consecutive5xxErrors"]) ?? defaults.Consecutive5xxErrors,
            // What the older field counts is what it is called by now.
            ConsecutiveGatewayErrors = Count(field["consecutiveGatewayErrors"]) ?? Count(field["consecutiveErrors"]) ?? defaults.ConsecutiveGatewayErrors,
            SplitLocalErrors = split,
            ConsecutiveLocalErrors = local ?? defaults.ConsecutiveLocalErrors,
            Interval = Positive(field["interval"]) ?? defaults.Interval,
            BaseEjectionTime = Positive(field["baseEjectionTime"]) ?? defaults.BaseEjectionTime,
            MaxEjectionPercent = Percent(field["maxEjectionPercent"]) is > 0 and var most ? most : defaults.MaxEjectionPercent,
            MinHealthPercent = Percent(field["minHealthPercent"]) ?? defaults.MinHealthPercent,
        };
    }

    private static LoadBalancer ReadBalancer(Field field, List<string> unused)
    {
        NotEnforced(field, OfBalancers, unused);
        if (field["simple"].Present && field["consistentHash"].Present)
            field["consistentHash"].Problem("may not stand beside simple");
        return new LoadBalancer
        {
            Algorithm = field["simple"].OneOf(Algorithms) ?? LoadBalancing.LeastRequests,
            Hash = field["consistentHash"].Present ? ReadHash(field["consistentHash"], unused) : null,
        };
    }

    private static HashKey? ReadHash(Field field, List<string> unused)
    {
        NotEnforced(field, OfHashes, unused);
        Field cookie = field["httpCookie"];
        NotEnforced(cookie, OfCookies, unused);
        HashKey?[] keys =
        [
            field["httpHeaderName"].Text(HeaderSyntax.NameFault) is { Length: > 0 } header ? new HashKey.Header(header) : null,
            cookie.Present ? ReadCookie(cookie) : null,
            field["useSourceIp"].Flag() == true ? new HashKey.SourceIp() : null,
            field["httpQueryParameterName"].Text() is { Length: > 0 } parameter ? new HashKey.QueryParameter(parameter) : null,
        ];
        if (keys.OfType<HashKey>().Count() != 1)
            field.Problem("must name one of httpHeaderName, httpCookie, useSourceIp and httpQueryParameterName");
        return keys.OfType<HashKey>().FirstOrDefault();
    }

    private static HashKey.Cookie? ReadCookie(Field cookie)
    {
        string? path = cookie["path"].Text(CookiePathFault) is { Length: > 0 } given ? given : null;
        TimeSpan? lifetime = Duration(cookie["ttl"]);
        return cookie["name"].RequiredText(CookieNameFault) is { } name ? new HashKey.Cookie(name, path, lifetime) : null;
    }

    /// <summary>Why a text is no name of a cookie, which is made of what names of headers are made of (RFC 6265 section 4.1.1); null for one that is.</summary>
    private static string? CookieNameFault(string name) => HeaderSyntax.NameFault(name) is null ? null : "is not the name of a cookie";

    private static string? CookiePathFault(string path) =>
        HeaderSyntax.ValueFault(path) is null && !path.Contains(';', StringComparison.Ordinal) ? null : "is not the path of a cookie";

    private static TlsOrigination ReadTls(Field field, List<string> unused)
    {
        NotEnforced(field, OfTls, unused);
        if (field["insecureSkipVerify"].Flag() == true && field["caCertificates"].Present)
            field["insecureSkipVerify"].Problem("may not stand beside caCertificates");
        var tls = new TlsOrigination
        {
            Mode = field["mode"].OneOf(Modes) ?? TlsOriginationMode.Disable,
            Sni = NonEmpty(field["sni"]),
            SubjectAltNames = [.. field["subjectAltNames"].Items().Select(name => name.RequiredText()).OfType<string>()],
            CredentialName = NonEmpty(field["credentialName"]),
            CaCertificates = NonEmpty(field["caCertificates"]),
            ClientCertificate = NonEmpty(field["clientCertificate"]),
            PrivateKey = NonEmpty(field["privateKey"]),
            InsecureSkipVerify = field["insecureSkipVerify"].Flag() ?? false,
        };
        bool hasFiles = tls.ClientCertificate is not null || tls.PrivateKey is not null || tls.CaCertificates is not null;
        if (tls.CredentialName is not null && hasFiles)
            field["credentialName"].Problem("may not stand beside files");
        if (tls is { Mode: TlsOriginationMode.Mutual, CredentialName: null } && (tls.ClientCertificate is null || tls.PrivateKey is null))
            field["mode"].Problem("MUTUAL needs credentialName, or clientCertificate and privateKey");
        if (tls.Mode == TlsOriginationMode.IstioMutual && (hasFiles || tls.CredentialName is not null))
            field["mode"].Problem("ISTIO_MUTUAL has the mesh's own certificates and may name none");
        return tls;
    }

    private static string? NonEmpty(Field field) => field.Text() is { Length: > 0 } text ? text : null;

    private static int? Count(Field field) => field.Number(0, int.MaxValue, "a number from 0");

    private static int? Percent(Field field) => field.Number(0, 100, "a number from 0 to 100");

    /// <summary>A limit; zero is none.</summary>
    private static int? Limit(Field field) => Count(field) is > 0 and var limit ? limit : null;

    private static TimeSpan? Positive(Field field) => Duration(field) is { } duration && duration > TimeSpan.Zero ? duration : null;

    private static TimeSpan? Duration(Field field) =>
        field.Text(text => IstioDuration.TryParse(text) is null ? "must be a time such as 1m30s or 500ms" : null) is { } text ? IstioDuration.TryParse(text) : null;
}
