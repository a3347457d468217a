using System.Security.Cryptography;
using Google.Protobuf;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Net.Http.Headers;
using Ztunnel.Identity;
using Ztunnel.Mesh;

namespace Ztunnel.Control;

/// <summary>
/// Istio's <c>IstioCertificateService/CreateCertificate</c>: who asks, whether they may, and then the signature. Any replica answers.
/// </summary>
internal sealed partial class CertificateService(
    TokenAuthenticator callers,
    ClientGate gate,
    IdentityRules rules,
    SigningState signing,
    ClusterAuthorityOptions options,
    TimeProvider time,
    ILogger logger)
{
    /// <summary>The method's path.</summary>
    public const string Path = "/istio.v1.auth.IstioCertificateService/CreateCertificate";

    private const string Impersonated = "ImpersonatedIdentity";

    private readonly CallerRates _rates = new(time);

    /// <summary>Answers a request. Throws <see cref="GrpcException"/>.</summary>
    public async Task<IMessage> Answer(HttpContext http, byte[] message, CancellationToken cancellationToken)
    {
        Caller caller = await Authenticate(http, cancellationToken);
        bool isNode = rules.IsNode(caller);
        if (!_rates.TryTake(caller.RateKey, isNode ? options.NodeRate : options.CallerRate))
            throw new GrpcException(GrpcStatus.ResourceExhausted, $"{caller.Account} asks too often");
        try
        {
            IstioCertificateRequest request = Parse(message);
            SpiffeId identity = rules.Decide(caller, ImpersonatedBy(request));
            var response = new IstioCertificateResponse();
            response.CertChain.AddRange(signing.Issue(identity, SigningRequestOf(request), LifetimeOf(request), time.GetUtcNow()));
            LogSigned(caller.Account, caller.PodName ?? "no pod", identity);
            return response;
        }
        catch (GrpcException e)
        {
            LogRefused(caller.Account, caller.PodName ?? "no pod", e.Message);
            throw;
        }
        catch (IssuanceException e)
        {
            LogRefused(caller.Account, caller.PodName ?? "no pod", e.Message);
            throw new GrpcException(StatusOf(e.Reason), e.Message);
        }
    }

    private async Task<Caller> Authenticate(HttpContext http, CancellationToken cancellationToken)
    {
        try
        {
            Caller caller = await callers.Authenticate(
                http.Request.Headers[HeaderNames.Authorization], gate.NameOf(http.Connection.RemoteIpAddress), cancellationToken);
            ClientGate.Prove(http, caller);
            return caller;
        }
        catch (GrpcException e) when (e.Status == GrpcStatus.ResourceExhausted)
        {
            gate.Tell(e.Detail);
            throw;
        }
    }

    private static IstioCertificateRequest Parse(byte[] message)
    {
        try
        {
            return IstioCertificateRequest.Parser.ParseFrom(message);
        }
        catch (InvalidProtocolBufferException)
        {
            throw new GrpcException(GrpcStatus.InvalidArgument, "the message is not an IstioCertificateRequest");
        }
    }

    private static string? ImpersonatedBy(IstioCertificateRequest request) =>
        request.Metadata is { } metadata && metadata.Fields.TryGetValue(Impersonated, out var value) ? value.StringValue : null;

    private static byte[] SigningRequestOf(IstioCertificateRequest request)
    {
        ReadOnlySpan<char> text = request.Csr;
        if (PemEncoding.TryFind(text, out PemFields fields) && text[fields.Label] is "CERTIFICATE REQUEST" or "NEW CERTIFICATE REQUEST")
            return Convert.FromBase64String(text[fields.Base64Data].ToString());
        throw new GrpcException(GrpcStatus.InvalidArgument, "csr is not a PEM certificate request");
    }

    private TimeSpan LifetimeOf(IstioCertificateRequest request) => request.ValidityDuration switch
    {
        <= 0 => options.DefaultLifetime,
        var seconds when seconds >= options.MaxLifetime.TotalSeconds => options.MaxLifetime,
        var seconds => TimeSpan.FromSeconds(seconds),
    };

    private static GrpcStatus StatusOf(IssuanceFailure reason) => reason switch
    {
        IssuanceFailure.WrongIdentity => GrpcStatus.PermissionDenied,
        IssuanceFailure.MalformedRequest or IssuanceFailure.BadSignature or IssuanceFailure.UnsuitableKey => GrpcStatus.InvalidArgument,
        _ => GrpcStatus.Unavailable,
    };

    [LoggerMessage(Level = LogLevel.Debug, Message = "{Account} ({Pod}) got a certificate for {Identity}")]
    private partial void LogSigned(string account, string pod, SpiffeId identity);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Account} ({Pod}) got no certificate: {Why}")]
    private partial void LogRefused(string account, string pod, string why);
}
