# The image of every worker and of the program itself: `docker compose build`.
# docs/deploy.md says how it is made small (TORCH_INDEX) and what it was checked with.
FROM python:3.11.14-slim-bookworm AS build

# An index with CPU builds of torch, such as the one that PyTorch's install page names. Left out:
# torch comes from pip's own index, which on Linux means the build with CUDA, 5 GB larger.
ARG TORCH_INDEX=""

# Bytecode is written once, at the end, so that it does not depend on the time of the build. One
# file of torch (py312_intrinsics) is for a newer Python and cannot be compiled by this one.
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_ROOT_USER_ACTION=ignore \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONHASHSEED=0

RUN python -m venv --without-pip /opt/redstream

# First what seldom changes: all that redstream needs, and of redstream itself the name alone.
WORKDIR /src
COPY LICENSE constraints.txt pyproject.toml ./
RUN pip --python /opt/redstream/bin/python install --no-compile -c constraints.txt setuptools \
    && if [ -n "$TORCH_INDEX" ]; then \
        pip --python /opt/redstream/bin/python install --no-compile -c constraints.txt \
            --index-url "$TORCH_INDEX" --no-deps torch; \
    fi \
    && pip --python /opt/redstream/bin/python install --no-compile -c constraints.txt \
        --no-build-isolation .

COPY judge judge
COPY models models
COPY streams streams
RUN pip --python /opt/redstream/bin/python install --no-compile --no-build-isolation --no-deps \
        --no-index --force-reinstall . \
    && python -m compileall -q -x py312_intrinsics --invalidation-mode unchecked-hash \
        /opt/redstream/lib

FROM python:3.11.14-slim-bookworm

# Appended by hand: useradd would write the date of the build.
RUN echo "redstream:x:10001:10001:redstream:/data:/usr/sbin/nologin" >> /etc/passwd \
    && echo "redstream:x:10001:" >> /etc/group \
    && install -d -o 10001 -g 10001 /data

COPY --from=build /opt/redstream /opt/redstream

# The encoder's weights are a package: no model hub is asked. What libraries write on the side goes
# to /tmp, the only place beside /data that has to be writable.
ENV HF_HUB_OFFLINE=1 \
    MPLCONFIGDIR=/tmp/matplotlib \
    NUMBA_CACHE_DIR=/tmp/numba \
    PATH=/opt/redstream/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    REDSTREAM_VAR=/data

USER 10001:10001
WORKDIR /data
VOLUME /data
ENTRYPOINT ["redstream"]
CMD ["--help"]
