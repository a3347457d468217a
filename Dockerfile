# syntax=docker/dockerfile:1

# ztunnel as one self-contained file on Debian. The node role needs CAP_NET_ADMIN, CAP_SYS_ADMIN (to enter the network
# namespaces of pods) and CAP_NET_RAW, and the host's network namespaces mounted.

FROM --platform=$BUILDPLATFORM mcr.microsoft.com/dotnet/sdk:10.0 AS build
ARG TARGETARCH
WORKDIR /source
COPY . .
RUN --mount=type=cache,target=/root/.nuget/packages \
    case "$TARGETARCH" in amd64) rid=linux-x64 ;; arm64) rid=linux-arm64 ;; *) echo "no runtime for '$TARGETARCH'" >&2; exit 1 ;; esac \
    && dotnet publish src/Ztunnel -c Release -r "$rid" --self-contained \
       -p:PublishSingleFile=true -p:PublishReadyToRun=true -p:DebugType=embedded -o /out

FROM debian:12-slim
# libssl3 carries the data path's TLS; nft is called to capture pods.
RUN apt-get update \
    && apt-get install -y --no-install-recommends libssl3 libstdc++6 nftables \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /out/ztunnel /usr/local/bin/ztunnel
# Few arenas keep glibc from holding OpenSSL's freed memory once per thread; no debugger socket in a container that may be read-only.
ENV MALLOC_ARENA_MAX=2 DOTNET_EnableDiagnostics=0
# 15000 (admin) is on loopback and stays there.
EXPOSE 15021
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/ztunnel"]
