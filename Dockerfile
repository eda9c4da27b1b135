# The image of cbr-operator: Python, the locked requirements and the package; nothing runs as root, nothing needs a shell.
#
#   docker build -t cbr-operator .        (or: buildah bud -t cbr-operator --timestamp 0 .)
#
# The same input gives the same layer: see docs/image.md.
ARG PYTHON_IMAGE=docker.io/library/python:3.13-slim

FROM ${PYTHON_IMAGE} AS build
# Files are as old as this says, so that their age does not change the layer.
ARG SOURCE_DATE_EPOCH=0
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore \
    PYTHONDONTWRITEBYTECODE=1 PYTHONHASHSEED=0
WORKDIR /build
# Compiled here, for the file system is read-only later; without times, for they differ from build to build.
# The generated client of every Kubernetes API is left out: it is never loaded, and would be a third of the image.
ENV COMPILE="python3 -m compileall -q -j 1 --invalidation-mode unchecked-hash -x /kubernetes/(aio/)?client/(api|models)/"
# Two environments: pip and what builds the package stay in the first, only the second goes into the image.
RUN ["python3", "-m", "venv", "/build/tools"]
RUN ["python3", "-m", "venv", "--without-pip", "/opt/cbr-operator"]
COPY requirements/build.txt requirements/run.txt requirements/
RUN set -eu; \
    locked="--no-deps --require-hashes --only-binary :all:"; \
    tools/bin/pip install ${locked} -r requirements/build.txt; \
    tools/bin/pip --python /opt/cbr-operator/bin/python3 install --no-compile ${locked} -r requirements/run.txt; \
    ${COMPILE} /opt/cbr-operator/lib; \
    find /opt/cbr-operator -exec touch --no-dereference --date="@${SOURCE_DATE_EPOCH}" {} +
COPY pyproject.toml README.md LICENSE ./
COPY operator operator
# Into a folder of its own, so that a new version of the package is a small layer on the same requirements.
RUN set -eu; \
    tools/bin/pip wheel --no-deps --no-build-isolation --wheel-dir dist .; \
    tools/bin/pip --python /opt/cbr-operator/bin/python3 install --no-compile --no-deps --no-index \
      --root /package dist/*.whl; \
    ${COMPILE} -s /package -p / /package; \
    find /package -exec touch --no-dereference --date="@${SOURCE_DATE_EPOCH}" {} +

FROM ${PYTHON_IMAGE}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="cbr-operator" \
      org.opencontainers.image.description="Replicates cloud backup vaults between regions, each call made at most once" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /opt/cbr-operator /opt/cbr-operator
COPY --from=build /package/opt/cbr-operator /opt/cbr-operator
ENV PATH=/opt/cbr-operator/bin:${PATH} PYTHONDONTWRITEBYTECODE=1
# By number, so that Kubernetes sees that it is not root; nobody has this number, and no name is needed.
USER 65532:65532
WORKDIR /
# The probes and metrics.
EXPOSE 8080
ENTRYPOINT ["/opt/cbr-operator/bin/cbr-operator"]
CMD ["run"]
