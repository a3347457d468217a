# syntax=docker/dockerfile:1

# ztunnel as one self-contained file on Debian. One image for all roles: it runs as nobody in particular, as controllers and
# gateways do; an agent of a node is root by its pod's securityContext, with the capabilities that deploy/helm says.
#
# The same sources give the same program. For the same image give both bases by digest
# (--build-arg SDK=mcr.microsoft.com/dotnet/sdk@sha256:...), and a time: --build-arg SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
# --output type=image,rewrite-timestamp=true.
ARG SDK=mcr.microsoft.com/dotnet/sdk:10.0
ARG BASE=debian:12-slim

FROM --platform=$BUILDPLATFORM ${SDK} AS build
ARG TARGETARCH
ARG SOURCE_DATE_EPOCH
WORKDIR /source
COPY .editorconfig global.json Directory.Build.props Directory.Packages.props ./
COPY deploy/demo deploy/demo
COPY src src
RUN --mount=type=cache,target=/root/.nuget/packages \
    case "$TARGETARCH" in amd64) rid=linux-x64 ;; arm64) rid=linux-arm64 ;; *) echo "no runtime for '$TARGETARCH'" >&2; exit 1 ;; esac \
    && dotnet publish src/Ztunnel -c Release -r "$rid" --self-contained \
       -p:PublishSingleFile=true -p:PublishReadyToRun=true -p:DebugType=embedded -p:ContinuousIntegrationBuild=true -o /out

FROM ${BASE}
ARG SOURCE_DATE_EPOCH
# libssl3 carries the data path's TLS; nft is called to capture pods. What apt leaves behind differs from day to day.
RUN apt-get update \
    && apt-get install -y --no-install-recommends libssl3 libstdc++6 nftables \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt /var/cache/ldconfig/aux-cache /var/log/apt /var/log/*.log
COPY --from=build --chmod=0755 /out/ztunnel /usr/local/bin/ztunnel
# Few arenas keep glibc from holding OpenSSL's freed memory once per thread; no debugger's socket in a container that is read-only.
ENV MALLOC_ARENA_MAX=2 DOTNET_EnableDiagnostics=0
# Diagnostics of every role, and certificates at a controller. 15000 (admin) is on loopback and stays there.
EXPOSE 15012 15021
STOPSIGNAL SIGTERM
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/ztunnel"]
