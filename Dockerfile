# Two stages: build the wheels once, run without compilers, as nobody in particular, on a read-only root.
FROM python:3.13-slim AS build
WORKDIR /src
COPY requirements.lock pyproject.toml README.md ./
RUN python -m venv /opt/filmgate \
 && /opt/filmgate/bin/pip install --no-cache-dir --require-hashes -r requirements.lock
COPY app app
COPY migrations migrations
RUN /opt/filmgate/bin/pip install --no-cache-dir --no-deps --no-build-isolation .

FROM python:3.13-slim
RUN apt-get update && apt-get install -y --no-install-recommends fonts-noto-cjk postgresql-client \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 10001 --create-home --home-dir /data filmgate
COPY --from=build /opt/filmgate /opt/filmgate
ENV PATH=/opt/filmgate/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    FILMGATE_DATA_DIR=/data FILMGATE_LOG_FORMAT=json
USER filmgate
WORKDIR /data
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
  CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/readyz', timeout=2)"]
ENTRYPOINT ["filmgate"]
CMD ["serve", "--host", "0.0.0.0"]
