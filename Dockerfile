# syntax=docker/dockerfile:1

# Two stages from one base, so that the environment made in the first runs in the second.
FROM python:3.13-slim-trixie AS build

ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_ROOT_USER_ACTION=ignore

WORKDIR /build

# What is locked changes seldom: a layer of its own. The build tools stay outside the environment that is copied.
COPY requirements.txt requirements-build.txt ./
RUN python -m venv --without-pip /opt/rupor \
    && python -m pip --python /opt/rupor/bin/python install \
        --require-hashes --no-deps --only-binary :all: --requirement requirements.txt \
    && python -m pip install --require-hashes --no-deps --requirement requirements-build.txt

COPY pyproject.toml README.md LICENSE ./
COPY bot bot
COPY channels channels
COPY delivery delivery
COPY migrations migrations
COPY sandbox sandbox
COPY web web
RUN python -m pip wheel --no-deps --no-build-isolation --wheel-dir /build/dist . \
    && python -m pip --python /opt/rupor/bin/python install --no-index --no-deps /build/dist/*.whl


FROM python:3.13-slim-trixie

LABEL org.opencontainers.image.title="Rupor" \
      org.opencontainers.image.description="One announcement to Telegram, VKontakte and e-mail, with every delivery tracked" \
      org.opencontainers.image.licenses="MIT"

ENV PATH="/opt/rupor/bin:$PATH" \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    RUPOR_CONFIG=/etc/rupor/config.toml

COPY --from=build /opt/rupor /opt/rupor

# The user is a number, so that a host can give it folders without knowing a name. config.toml must name the SQLite file
# with its folder, /data (a bare name lies beside config.toml), and needs host = "0.0.0.0" under [web] to be reached.
RUN mkdir /data && chown 10001:10001 /data
USER 10001:10001
WORKDIR /data
VOLUME /data

EXPOSE 8090
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8090/health', timeout=4)"]

ENTRYPOINT ["rupor"]
CMD ["run"]
