# syntax=docker/dockerfile:1
# One image for every role: `attune serve` is the default command, `attune learn` and the others are there, too.
ARG PYTHON=3.13-slim-bookworm

FROM python:${PYTHON} AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY models ./models
COPY service ./service
RUN pip wheel --no-cache-dir --wheel-dir /wheels .

FROM python:${PYTHON}
# Everything comes from the wheels of the first stage: nothing is downloaded or compiled here.
RUN --mount=type=bind,from=build,source=/wheels,target=/wheels \
    pip install --no-cache-dir --no-index /wheels/*.whl \
    && groupadd --system --gid 10001 attune \
    && useradd --system --uid 10001 --gid 10001 --home-dir /data --no-create-home --shell /usr/sbin/nologin attune \
    && install --directory --owner=attune --group=attune --mode=0700 /data
ENV PYTHONUNBUFFERED=1
USER 10001:10001
WORKDIR /data
# The embedded store. With `--redis-url` nothing is written here.
VOLUME /data
EXPOSE 50051
STOPSIGNAL SIGTERM
# Asks the server itself, not the store: a service whose store is away still answers.
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 CMD ["python", "-c", "\
import grpc, sys; \
from grpc_health.v1 import health_pb2, health_pb2_grpc; \
channel = grpc.insecure_channel('127.0.0.1:50051', options=[('grpc.enable_http_proxy', 0)]); \
reply = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=3); \
sys.exit(reply.status != health_pb2.HealthCheckResponse.SERVING)"]
ENTRYPOINT ["attune"]
CMD ["serve", "--address", "0.0.0.0:50051", "--data-dir", "/data"]
