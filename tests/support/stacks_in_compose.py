"""Compose files as people write them, with what they mean as settings of ours, stated by hand.

`tests/settings/compose/translation/test_translator.py` holds our translation to them, and
`tests/live/test_compose_files.py` that of what Compose itself makes of the files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

_DOCKERFILE = """
FROM python:3.13-slim
WORKDIR /app
COPY requirements.txt .
RUN pip install -r requirements.txt
COPY . .
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """A folder with a compose file, and its translation."""

    files: Mapping[str, str]
    """Path in the folder -> content."""
    settings: str
    """The settings, in YAML."""
    notes: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    profiles: tuple[str, ...] = ()

    def write(self, parent: Path) -> Path:
        """Write the files and return their folder."""
        root = parent / "shop"
        for path, content in self.files.items():
            file = root / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content, encoding="utf-8")
        return root

    @property
    def values(self) -> dict[str, Any]:
        """The settings."""
        found = yaml.safe_load(self.settings)
        assert isinstance(found, dict)
        return found


def guess_path(role: str, key: str = "") -> str:
    """Return the note on a path that was guessed."""
    return (
        f"{role}: no health check says which path it answers, so /openapi.json is taken for `live` and `ready`;"
        f" `roles.{key or role}.live` says otherwise."
    )


def guess_kind(role: str, key: str = "") -> str:
    """Return the note on a kind that was guessed."""
    return (
        f"{role}: neither its command nor its name tells what it is, so it is taken as `other`;"
        f" `roles.{key or role}.kind` says otherwise."
    )


def drop(words: str, setting: str) -> str:
    """Return the note on what was dropped."""
    return f"{words}; set `{setting}` if it matters."


def drop_reload(role: str) -> str:
    """Return the note on the option `--reload`."""
    return drop(f"{role}: its reloading is dropped, for in a container nothing changes", f"roles.{role}.command")


def drop_code(role: str, target: str) -> str:
    """Return the note on a mount over the image's code."""
    words = f"{role}: the mount over its code at {target} is dropped, for the image has the code"
    return drop(words, f"roles.{role}.mounts")


def drop_around(role: str, target: str) -> str:
    """Return the note on a volume below such a mount."""
    return drop(f"{role}: the volume at {target} is dropped with the mount around it", f"roles.{role}.writable")


def leave_out(service: str, why: str = "no role waits for it or names it", key: str = "") -> str:
    """Return the note on a service that is left out."""
    key = key or f"smoke.services.{service}"
    return f"{service} is left out, because {why}; describe it under `{key}` if it is needed."


TUTORIAL = Stack(
    files={
        "docker-compose.yml": """
version: "3.8"

services:
  web:
    build: .
    ports:
      - 8004:8000
    command: uvicorn main:app --host 0.0.0.0 --reload
    volumes:
      - .:/usr/src/app
    environment:
      - CELERY_BROKER_URL=redis://redis:6379/0
      - CELERY_RESULT_BACKEND=redis://redis:6379/0
    depends_on:
      - redis

  worker:
    build: .
    command: celery --app=worker.celery worker --loglevel=info --logfile=logs/celery.log
    volumes:
      - .:/usr/src/app
    environment:
      - CELERY_BROKER_URL=redis://redis:6379/0
      - CELERY_RESULT_BACKEND=redis://redis:6379/0
    depends_on:
      - web
      - redis

  redis:
    image: redis:7

  dashboard:
    build: .
    command: celery --app=worker.celery flower --port=5555 --broker=redis://redis:6379/0
    ports:
      - 5556:5555
    depends_on:
      - web
      - redis
      - worker
""",
        "Dockerfile": _DOCKERFILE.replace("/app", "/usr/src/app"),
        "main.py": "app = None\n",
    },
    settings="""
repository: shop
variants:
  web: {context: ., dockerfile: Dockerfile}
roles:
  web:
    kind: api
    command: [uvicorn, "main:app", --host, 0.0.0.0]
    environment: &environment
      CELERY_BROKER_URL: redis://redis:6379/0
      CELERY_RESULT_BACKEND: redis://redis:6379/0
    port: 8000
    live: /openapi.json
    ready: /openapi.json
  worker:
    kind: worker
    command: [celery, --app=worker.celery, worker, --loglevel=info, --logfile=logs/celery.log]
    environment: *environment
  dashboard:
    kind: other
    command: [celery, --app=worker.celery, flower, --port=5555, "--broker=redis://redis:6379/0"]
    ports: [5555]
smoke:
  data: null
  services:
    redis: {image: "redis:7"}
""",
    notes=(
        drop_reload("web"),
        guess_path("web"),
        drop_code("web", "/usr/src/app"),
        drop_code("worker", "/usr/src/app"),
    ),
)

FULL_STACK = Stack(
    files={
        "docker-compose.yml": """
services:
  db:
    image: postgres:17
    restart: always
    healthcheck:
      test: ["CMD-SHELL", "pg_isready -U ${POSTGRES_USER} -d ${POSTGRES_DB}"]
      interval: 10s
      retries: 5
    volumes:
      - app-db-data:/var/lib/postgresql/data/pgdata
    env_file:
      - .env
    environment:
      - PGDATA=/var/lib/postgresql/data/pgdata
      - POSTGRES_PASSWORD=${POSTGRES_PASSWORD?Variable not set}

  adminer:
    image: adminer
    restart: always
    networks:
      - traefik-public
      - default
    depends_on:
      - db

  prestart:
    image: '${DOCKER_IMAGE_BACKEND?Variable not set}:${TAG-latest}'
    build:
      context: ./backend
    networks:
      - default
    depends_on:
      db:
        condition: service_healthy
        restart: true
    command: bash scripts/prestart.sh
    env_file:
      - .env
    environment:
      - POSTGRES_SERVER=db

  backend:
    image: '${DOCKER_IMAGE_BACKEND?Variable not set}:${TAG-latest}'
    restart: always
    networks:
      - traefik-public
      - default
    depends_on:
      db:
        condition: service_healthy
        restart: true
      prestart:
        condition: service_completed_successfully
    env_file:
      - .env
    environment:
      - POSTGRES_SERVER=db
      - SMTP_HOST=mailcatcher
    healthcheck:
      test: ["CMD", "curl", "-f", "http://localhost:8000/api/v1/utils/health-check/?deep=1"]
      interval: 10s
    build:
      context: ./backend
    labels:
      - traefik.enable=true
      - traefik.http.services.backend.loadbalancer.server.port=8000

  frontend:
    image: '${DOCKER_IMAGE_FRONTEND?Variable not set}:${TAG-latest}'
    restart: always
    build:
      context: ./frontend
      args:
        - VITE_API_URL=https://api.example.com
        - NODE_ENV=production
volumes:
  app-db-data:

networks:
  traefik-public:
    external: true
""",
        "docker-compose.override.yml": """
services:
  proxy:
    image: traefik:3.0
    volumes:
      - /var/run/docker.sock:/var/run/docker.sock
    ports:
      - "80:80"
      - "8090:8080"
  db:
    restart: "no"
    ports:
      - "5432:5432"
  adminer:
    restart: "no"
    ports:
      - "8080:8080"
  backend:
    restart: "no"
    ports:
      - "8000:8000"
    command:
      - fastapi
      - run
      - --reload
      - "app/main.py"
    volumes:
      - ./backend/htmlcov:/app/htmlcov
      - ./backend/app:/app/app
  mailcatcher:
    image: schickling/mailcatcher
    ports:
      - "1080:1080"
      - "1025:1025"
  frontend:
    restart: "no"
    ports:
      - "5173:80"
networks:
  traefik-public:
    external: false
""",
        ".env": "POSTGRES_USER=postgres\nPOSTGRES_PASSWORD=changethis\nPOSTGRES_DB=app\n"
        "DOCKER_IMAGE_BACKEND=backend\nDOCKER_IMAGE_FRONTEND=frontend\n",
        "backend/Dockerfile": """
FROM python:3.10
WORKDIR /app/
COPY --from=ghcr.io/astral-sh/uv:0.5.11 /uv /uvx /bin/
COPY ./scripts /app/scripts
COPY ./pyproject.toml ./uv.lock /app/
COPY ./app /app/app
CMD ["fastapi", "run", "--workers", "4", "app/main.py"]
""",
        "backend/app/main.py": "app = None\n",
        "backend/scripts/prestart.sh": "set -e\npython app/backend_pre_start.py\nalembic upgrade head\n",
        "frontend/Dockerfile": "FROM node:20 AS build\nCOPY . .\nFROM nginx:1\nCOPY --from=build /dist /html\n",
    },
    settings="""
repository: shop
variants:
  backend: {context: backend, dockerfile: backend/Dockerfile}
  frontend:
    context: frontend
    dockerfile: frontend/Dockerfile
    arguments: {VITE_API_URL: "https://api.example.com", NODE_ENV: production}
roles:
  backend:
    kind: api
    variant: backend
    command: [fastapi, run, app/main.py]
    environment:
      POSTGRES_USER: postgres
      POSTGRES_PASSWORD: changethis
      POSTGRES_DB: app
      DOCKER_IMAGE_BACKEND: backend
      DOCKER_IMAGE_FRONTEND: frontend
      POSTGRES_SERVER: db
      SMTP_HOST: mailcatcher
    health: [curl, -f, "http://localhost:8000/api/v1/utils/health-check/?deep=1"]
    port: 8000
    live: /api/v1/utils/health-check/?deep=1
    ready: /api/v1/utils/health-check/?deep=1
  frontend:
    kind: other
    variant: frontend
    ports: [80]
smoke:
  data: null
  services:
    db:
      image: postgres:17
      environment:
        PGDATA: /var/lib/postgresql/data/pgdata
        POSTGRES_USER: postgres
        POSTGRES_PASSWORD: changethis
        POSTGRES_DB: app
        DOCKER_IMAGE_BACKEND: backend
        DOCKER_IMAGE_FRONTEND: frontend
    mailcatcher: {image: schickling/mailcatcher}
  before:
    prestart:
      role: backend
      command: [bash, scripts/prestart.sh]
""",
    notes=(
        guess_kind("frontend"),
        drop_reload("backend"),
        drop("backend: what is mounted at /app/htmlcov is not there and is left out", "roles.backend.mounts"),
        drop_code("backend", "/app/app"),
        leave_out("adminer"),
        leave_out("proxy"),
    ),
)

ANCHORS = Stack(
    files={
        "compose.yaml": """
x-app: &app
  build: {context: ., target: runtime, args: {EXTRAS: prod}}
  environment: &env
    DATABASE_URL: postgresql+psycopg://app:secret@postgres/app
    BROKER_URL: amqp://guest:guest@rabbitmq:5672//
  volumes:
    - .:/srv/app
    - /srv/app/.venv
    - uploads:/srv/app/uploads
  depends_on: &needs
    postgres: {condition: service_healthy}
    rabbitmq: {condition: service_started}

services:
  api:
    <<: *app
    command: >
      sh -c "./wait-for-it.sh postgres:5432 -t 30 -- alembic upgrade head &&
             gunicorn app.main:app -w 2 -k uvicorn.workers.UvicornWorker -b 0.0.0.0:$${PORT:-8080} --reload"
    ports: ["80:8080", "5678:5678"]
    stop_grace_period: 1m30s
    user: "1000:1000"
  worker:
    <<: *app
    command: ["wait-for-it", "rabbitmq:5672", "--", "celery", "-A", "worker", "worker", "-Q", "default", "-c", "2"]
    environment:
      <<: *env
      QUEUE: default
    expose: [9808]
  worker-mail:
    <<: *app
    command: celery -A app.jobs worker -Q mail
    hostname: mailer
    working_dir: /srv/app
  beat:
    <<: *app
    command: bash -lc 'exec celery -A app.jobs beat -s /tmp/schedule'
    depends_on:
      <<: *needs
      worker: {condition: service_started}
  postgres:
    image: postgres:16-alpine
    environment: {POSTGRES_USER: app, POSTGRES_PASSWORD: secret}
    volumes: [pgdata:/var/lib/postgresql/data, ./docker/init.sql:/docker-entrypoint-initdb.d/init.sql:ro]
    healthcheck: {test: pg_isready}
  rabbitmq:
    image: rabbitmq:3-management
    volumes: [./rabbit-data:/var/lib/rabbitmq, uploads:/shared]
volumes: {pgdata: , uploads: }
""",
        "Dockerfile": "FROM python:3.13 AS build\nFROM python:3.13 AS runtime\nWORKDIR /srv/app\nCOPY . .\n",
        "app/main.py": "",
        "docker/init.sql": "CREATE TABLE a ();",
        "rabbit-data/mnesia": "",
    },
    settings="""
repository: shop
variants:
  api: {context: ., dockerfile: Dockerfile, target: runtime, arguments: {EXTRAS: prod}}
roles:
  api:
    kind: api
    command:
      - sh
      - -c
      - |-
        ./wait-for-it.sh postgres:5432 -t 30 -- alembic upgrade head &&
               gunicorn app.main:app -w 2 -k uvicorn.workers.UvicornWorker -b 0.0.0.0:${PORT:-8080}
    user: "1000:1000"
    environment: &environment
      DATABASE_URL: postgresql+psycopg://app:secret@postgres/app
      BROKER_URL: amqp://guest:guest@rabbitmq:5672//
    port: 8080
    live: /openapi.json
    ready: /openapi.json
    ports: [5678]
    grace_seconds: 90
    writable: ["uploads:/srv/app/uploads"]
  worker:
    kind: worker
    command: [wait-for-it, "rabbitmq:5672", --, celery, -A, worker, worker, -Q, default, -c, "2"]
    environment: {<<: *environment, QUEUE: default}
    ports: [9808]
    writable: ["uploads:/srv/app/uploads"]
  worker-mail:
    kind: worker
    command: [celery, -A, app.jobs, worker, -Q, mail]
    environment: *environment
    working_dir: /srv/app
    aliases: [mailer]
    writable: ["uploads:/srv/app/uploads"]
  beat:
    kind: beat
    command: [bash, -lc, exec celery -A app.jobs beat -s /tmp/schedule]
    environment: *environment
    writable: ["uploads:/srv/app/uploads"]
smoke:
  data: null
  services:
    postgres:
      image: postgres:16-alpine
      environment: {POSTGRES_USER: app, POSTGRES_PASSWORD: secret}
      mounts: {/docker-entrypoint-initdb.d/init.sql: docker/init.sql}
    rabbitmq:
      image: rabbitmq:3-management
      writable: {/shared: 512 MB}
""",
    notes=(
        drop_reload("api"),
        guess_path("api"),
        drop_code("api", "/srv/app"),
        drop_around("api", "/srv/app/.venv"),
        drop_code("worker", "/srv/app"),
        drop_around("worker", "/srv/app/.venv"),
        drop_code("beat", "/srv/app"),
        drop_around("beat", "/srv/app/.venv"),
        drop_code("worker-mail", "/srv/app"),
        drop_around("worker-mail", "/srv/app/.venv"),
        drop(
            "rabbitmq: its data at /var/lib/rabbitmq is dropped: each run begins with none",
            "smoke.services.rabbitmq.mounts",
        ),
        drop("rabbitmq: it does not share the volume uploads with roles", "smoke.services.rabbitmq.writable"),
    ),
)

SAME_IMAGE = Stack(
    files={
        "compose.yml": """
name: my_shop
services:
  api:
    build: {context: .., dockerfile: shop/docker/api.Dockerfile}
    image: shop
    env_file: [{path: local.env, required: false}]
    restart: unless-stopped
  a-worker:
    image: shop:latest
    command: celery -A shop worker
  cache:
    image: valkey/valkey:8
    command: --maxmemory 64mb
    networks: {default: {aliases: [redis, cache.internal]}}
""",
        "docker/api.Dockerfile": """
FROM python:3.13
CMD exec uvicorn shop:app --host 0.0.0.0 --port=${PORT:-9000}
HEALTHCHECK CMD python -c "import urllib.request as u; u.urlopen('http://127.0.0.1:9000/healthz')"
""",
        "local.env": "PORT=9090\nCACHE=redis://redis:6379\n",
    },
    settings="""
repository: my_shop
variants:
  api: {context: PARENT, dockerfile: docker/api.Dockerfile}
roles:
  api:
    kind: api
    environment: {PORT: "9090", CACHE: "redis://redis:6379"}
    port: 9090
    live: /healthz
    ready: /healthz
  a-worker:
    kind: worker
    command: [celery, -A, shop, worker]
smoke:
  data: null
  services:
    cache:
      image: valkey/valkey:8
      command: [--maxmemory, 64mb]
      aliases: [cache.internal, redis]
""",
)

EXTENDED = Stack(
    files={
        "compose.yaml": """
services:
  base: &none
    extends: {file: common.yml, service: app}
    profiles: [never]
  api:
    extends: {file: common.yml, service: app}
    command: poetry run uvicorn app:app --host=0.0.0.0 -p 8001 --reload-dir src --reload
    ports: ["8001"]
  jobs:
    extends: {file: common.yml, service: app}
    command: uv run --no-sync celery --app app.tasks worker -B
    deploy: {replicas: 3}
""",
        "common.yml": """
services:
  app:
    build: {context: docker}
    environment: [MODE=dev]
    tmpfs: [/tmp, "/run/app:size=1m"]
""",
        "docker/Dockerfile": "FROM python\n",
    },
    settings="""
repository: shop
variants:
  api: {context: docker, dockerfile: docker/Dockerfile}
roles:
  api:
    kind: api
    command: [poetry, run, uvicorn, "app:app", --host=0.0.0.0, -p, "8001"]
    environment: {MODE: dev}
    port: 8001
    live: /openapi.json
    ready: /openapi.json
    writable: [/run/app]
  jobs:
    kind: worker
    command: [uv, run, --no-sync, celery, --app, app.tasks, worker, -B]
    environment: {MODE: dev}
    writable: [/run/app]
smoke:
  data: null
  services: {}
""",
    notes=(
        drop_reload("api"),
        guess_path("api"),
    ),
)

PROFILES = Stack(
    files={
        "compose.yaml": """
services:
  server:
    build: .
    environment: {DB: "mysql://my_db/shop"}
  tests:
    build: .
    command: poetry run pytest -x
    profiles: [test]
    depends_on: [my_db]
  pgadmin:
    image: dpage/pgadmin4
    profiles: [tools]
  seeder:
    build: .
    command: python -m shop.seed_demo
    profiles: [test]
  my_db:
    image: mysql:8
    environment: {MYSQL_ROOT_PASSWORD: root}
    volumes: [/var/lib/mysql]
""",
        "Dockerfile": 'FROM python\nCMD ["granian", "shop:app", "--port", "8080", "--reload"]\n',
    },
    profiles=("test",),
    settings="""
repository: shop
variants:
  server: {context: ., dockerfile: Dockerfile}
roles:
  server:
    kind: api
    command: [granian, "shop:app", --port, "8080"]
    environment: {DB: "mysql://my_db/shop"}
    port: 8080
    live: /openapi.json
    ready: /openapi.json
smoke:
  data: null
  services:
    my-db: {image: "mysql:8", environment: {MYSQL_ROOT_PASSWORD: root}, aliases: [my_db]}
  before:
    seeder: {role: server, command: [python, -m, shop.seed_demo]}
""",
    notes=(
        drop_reload("server"),
        guess_path("server"),
        leave_out("tests", "it only runs tests", "roles.tests"),
    ),
)

SEPARATE_IMAGES = Stack(
    files={
        "compose.yaml": """
services:
  api:
    build: ./api
    container_name: shop-api
    secrets: [db_password, {source: token, target: /etc/token}]
    configs: [{source: app, target: /app/app.toml}]
    environment: {BROKER: redis://broker}
    healthcheck: {disable: true}
  worker:
    build: {context: ./worker, dockerfile: Dockerfile}
    volumes: [./config:/etc/app, ./missing.txt:/etc/missing, /var/run/docker.sock:/var/run/docker.sock]
    environment: {BROKER: redis://broker}
  broker:
    image: redis:7-alpine
    networks: {default: , back: {aliases: [shop-api, queue]}}
networks: {back: }
secrets:
  db_password: {file: secrets/password.txt}
  token: {environment: TOKEN}
configs:
  app: {content: "a = 1"}
""",
        "api/Dockerfile": """
FROM python:3.13
COPY supervisord.conf /etc/supervisor/conf.d/app.conf
CMD ["supervisord", "-n"]
""",
        "api/supervisord.conf": "[program:nginx]\ncommand=nginx\n[program:api]\ncommand = uvicorn a:a --port 8010\n",
        "worker/Dockerfile": 'FROM python:3.13\nWORKDIR /srv\nCOPY run.sh /usr/local/bin/\nENTRYPOINT ["run.sh"]\n',
        "worker/run.sh": '#!/bin/sh\nif [ -n "$DEBUG" ]; then uvicorn a; fi\nexec celery \\\n  -A jobs worker\n',
        "config/app.ini": "",
        "secrets/password.txt": "secret",
    },
    environment={"TOKEN": "t0ken"},
    settings="""
repository: shop
variants:
  api: {context: api, dockerfile: api/Dockerfile}
  worker: {context: worker, dockerfile: worker/Dockerfile}
roles:
  api:
    kind: api
    variant: api
    environment: {BROKER: "redis://broker"}
    aliases: [shop-api]
    port: 8010
    live: /openapi.json
    ready: /openapi.json
    mounts:
      /run/secrets/db_password: secrets/password.txt
      /etc/token: {content: t0ken}
      /app/app.toml: {content: a = 1}
  worker:
    kind: worker
    variant: worker
    environment: {BROKER: "redis://broker"}
    mounts: {/etc/app: config}
    registered: [celery, --app, jobs, inspect, registered, --json]
smoke:
  data: null
  services:
    broker: {image: "redis:7-alpine", aliases: [queue]}
""",
    notes=(
        guess_path("api"),
        drop("worker: /etc/app is a read-only copy of the folder here", "roles.worker.writable"),
        drop("worker: what is mounted at /etc/missing is not there and is left out", "roles.worker.mounts"),
        drop("worker: the engine's socket is left out", "roles.worker.mounts"),
        drop(
            "broker: others cannot reach it as shop-api, which another one is or which is no host",
            "smoke.services.broker.aliases",
        ),
    ),
)

SCRIPTS = Stack(
    files={
        "docker-compose.yaml": """
services:
  app:
    build: &build {context: ., dockerfile: ./compose/Dockerfile}
    command: /start
    environment: {PORT: 5000}
  celeryworker:
    build: *build
    command: /start-celeryworker
  celerybeat:
    build: *build
    command: ["/start-celerybeat"]
  migrator:
    build: *build
    command: /migrate --all
    entrypoint: []
    depends_on: [app]
  legacy:
    build: *build
    command: python run.py
    entrypoint: ""
""",
        "compose/Dockerfile": """
FROM python:3.13 AS base
WORKDIR /code
COPY ./compose/entry*.sh ./compose/start /
FROM base
COPY ./compose/start-celeryworker /start-celeryworker
COPY --chmod=755 compose/celery/beat /start-celerybeat
COPY src .
ENTRYPOINT ["/entrypoint.sh"]
""",
        "compose/entrypoint.sh": '#!/bin/bash\n# uvicorn is started later\nexec "$@"\n',
        "compose/start": "#!/bin/bash\nexec uvicorn main:app --host 0.0.0.0 --port $PORT\n",
        "compose/start-celeryworker": "#!/bin/bash\nexec watchfiles --filter python 'celery -A x worker'\n",
        "compose/celery/beat": "#!/bin/bash\nrm -f celerybeat.pid; exec celery -A jobs -b redis://r beat\n",
        "src/run.py": "import uvicorn\nif __name__ == '__main__':\n    uvicorn.run('main:app', port=int(7000))\n",
    },
    settings="""
repository: shop
variants:
  app: {context: ., dockerfile: compose/Dockerfile}
roles:
  app:
    kind: api
    command: [/start]
    environment: {PORT: "5000"}
    port: 5000
    live: /openapi.json
    ready: /openapi.json
  celerybeat: {kind: beat, command: [/start-celerybeat]}
  celeryworker: {kind: worker, command: [/start-celeryworker]}
  legacy:
    kind: api
    entrypoint: [python, run.py]
    port: 7000
    live: /openapi.json
    ready: /openapi.json
smoke:
  data: null
  services: {}
  before:
    migrator: {role: app, entrypoint: [/migrate, --all]}
""",
    notes=(
        guess_path("app"),
        guess_path("legacy"),
        drop("migrator: it does not wait for the role app, because roles start later", "smoke.before.migrator.command"),
    ),
)

UNKNOWN_SERVICES = Stack(
    files={
        "compose.yaml": """
services:
  api:
    build: {context: app}
    command: fastapi dev main.py --port 8000
    environment: {S3: "http://minio:9000", MONGO: "mongodb://mongo.local/shop"}
    healthcheck: {test: wget -qO- http://localhost:8000 || exit 1}
    depends_on: [minio]
  minio:
    image: minio/minio:latest
    entrypoint: [minio]
    command: server /data --console-address ":9001"
    user: "1000"
    volumes: [minio:/data]
    tmpfs: "/cache:size=10m"
    healthcheck: {test: [CMD, mc, ready, local]}
  createbuckets:
    image: minio/mc
    depends_on: [minio]
    entrypoint: >
      /bin/sh -c "mc alias set m http://minio:9000 a b; mc mb m/shop; exit 0"
  mongo:
    image: mongo:7
    container_name: mongo.local
    healthcheck: {test: "mongosh --eval 'db.runCommand(1)'"}
  mongo-express:
    image: mongo-express
    depends_on: [mongo]
  kafka:
    image: bitnami/kafka
  zookeeper:
    image: zookeeper
volumes: {minio: }
""",
        "app/Dockerfile": "FROM python\n",
    },
    settings="""
repository: shop
variants:
  api: {context: app, dockerfile: app/Dockerfile}
roles:
  api:
    kind: api
    command: [fastapi, run, main.py, --port, "8000"]
    environment: {S3: "http://minio:9000", MONGO: "mongodb://mongo.local/shop"}
    health: [/bin/sh, -c, "wget -qO- http://localhost:8000 || exit 1"]
    port: 8000
    live: /
    ready: /
smoke:
  data: null
  services:
    minio:
      image: minio/minio:latest
      entrypoint: [minio]
      command: [server, /data, --console-address, ":9001"]
      user: "1000"
      ready: [mc, ready, local]
      writable: {/data: 512 MB, /cache: 10485760 B}
    mongo:
      image: mongo:7
      aliases: [mongo.local]
      ready: [/bin/sh, -c, "mongosh --eval 'db.runCommand(1)'"]
  before:
    createbuckets:
      image: minio/mc
      entrypoint: [/bin/sh, -c, "mc alias set m http://minio:9000 a b; mc mb m/shop; exit 0"]
""",
    notes=(
        drop_reload("api"),
        leave_out("kafka"),
        leave_out("mongo-express"),
        leave_out("zookeeper"),
    ),
)

ODD_NAMES = Stack(
    files={
        "compose.yaml": """
services:
  client: {build: ., command: python -m client, user: "a b"}
  keeper: {image: keeper, depends_on: [gone], networks: {default: {aliases: [client, "-"]}}}
  My_API: {build: ., command: hypercorn app:app --bind :81, environment: {K: "http://keeper"}, stop_grace_period: 0s}
  my-api: {build: ., command: python -m app, ports: ["8000:8000", "8443"], entrypoint: [tini, --]}
  gone: {build: "https://example.com/repo.git"}
  pulled: {build: "https://example.com/repo.git", image: "pulled:1"}
""",
        "Dockerfile": "FROM python\nCMD true\n",
        "app/__main__.py": "from uvicorn import run\n",
    },
    settings="""
repository: shop
variants:
  my-api-2: {context: ., dockerfile: Dockerfile}
roles:
  own-client: {kind: other, command: [python, -m, client]}
  my-api-2:
    kind: api
    command: [hypercorn, "app:app", --bind, ":81"]
    environment: {K: "http://keeper"}
    aliases: [my_api]
    port: 81
    live: /openapi.json
    ready: /openapi.json
    grace_seconds: 0.1
  my-api:
    kind: api
    entrypoint: [tini, --]
    command: [python, -m, app]
    port: 8000
    live: /openapi.json
    ready: /openapi.json
    ports: [8443]
smoke:
  data: null
  services:
    own-keeper: {image: keeper}
""",
    notes=(
        guess_path("My_API", "my-api-2"),
        guess_kind("client", "own-client"),
        drop("client: its user is no name or number and is left out", "roles.own-client.user"),
        drop(
            "client: others cannot reach it as client, which another one is or which is no host",
            "roles.own-client.aliases",
        ),
        guess_path("my-api"),
        *(
            drop(
                f"keeper: others cannot reach it as {host}, which another one is or which is no host",
                "smoke.services.own-keeper.aliases",
            )
            for host in ("-", "client", "keeper")
        ),
        leave_out("pulled"),
        leave_out("gone", "it is built from what is not in a folder here, and has no image"),
    ),
)

READ_ONLY_COPIES = Stack(
    files={
        "compose.yaml": """
services:
  web:
    build: {context: src}
    volumes:
      - ./src/settings:/code/settings
      - ./models:/models
      - ./models:/models-ro:ro
      - ./src/static:/code/static
      - ./src/start.sh:/code/start.sh
      - ./src/nowhere:/code/uploads
      - cache:/cache:ro
      - {type: tmpfs, target: /scratch}
      - media:/code/media
  worker:
    build: {context: src}
    entrypoint: celery
    command: -A app worker
    volumes: [media:/code/media]
  migrate:
    build: {context: src}
    command: flask db upgrade
    environment: {A: b}
    volumes: [media:/code/media, extra:/extra]
volumes: {cache: , media: , extra: }
""",
        "src/Dockerfile": "FROM python\nWORKDIR /code\nCOPY static static/\nCOPY a.toml .\nCMD python -m uvicorn a:b\n",
        "src/settings/local.py": "",
        "src/static/a.css": "",
        "src/start.sh": "",
        "models/a.bin": "",
    },
    settings="""
repository: shop
variants:
  web: {context: src, dockerfile: src/Dockerfile}
roles:
  web:
    kind: api
    port: 8000
    live: /openapi.json
    ready: /openapi.json
    writable: [/scratch, "media:/code/media"]
    mounts: {/models: models, /models-ro: models, /code/start.sh: src/start.sh}
  worker:
    kind: worker
    entrypoint: [celery]
    command: [-A, app, worker]
    writable: ["media:/code/media"]
smoke:
  data: null
  services: {}
  before:
    migrate:
      role: web
      command: [flask, db, upgrade]
      environment: {A: b}
      writable: ["extra:/extra"]
""",
    notes=(
        guess_path("web"),
        drop_code("web", "/code/settings"),
        drop("web: /models is a read-only copy of the folder here", "roles.web.writable"),
        drop_code("web", "/code/static"),
        drop("web: what is mounted at /code/uploads is not there and is left out", "roles.web.mounts"),
        drop("web: the volume cache is only read at /cache and is left out", "roles.web.writable"),
    ),
)

SUPPORTING_BUILD = Stack(
    files={
        "compose.yaml": """
services:
  gateway:
    build: {context: gateway}
    ports: ["80:80"]
    depends_on: {app: {condition: service_healthy}}
  app:
    build: {context: app, target: dev}
    command: sh -c "alembic upgrade head"
    restart: on-failure
  api:
    image: registry.example.com/team/api:2
    command: python -m uvicorn team:app
    environment: {DSN: "postgres://db.example.com/x"}
  adapter: {image: "registry.example.com/team/adapter:2", command: "serve --celery"}
  db: {image: postgis/postgis:16}
  loader:
    image: registry.example.com/team/loader:1
    command: load
  job:
    build: {context: app}
    depends_on: {loader: {condition: service_completed_successfully}}
    command: ["arq", "app.Worker"]
    environment: {DSN: "postgres://db:5432/x"}
""",
        "gateway/Dockerfile": 'FROM nginx\nCMD ["nginx", "-g", "daemon off;"]\n',
        "app/Dockerfile": 'FROM python AS dev\nFROM dev\nCMD ["python", "-m", "app"]\n',
    },
    settings="""
repository: shop
variants:
  app: {context: app, dockerfile: app/Dockerfile, target: dev}
  gateway: {context: gateway, dockerfile: gateway/Dockerfile}
  job: {context: app, dockerfile: app/Dockerfile}
roles:
  app:
    kind: api
    variant: app
    command: [sh, -c, alembic upgrade head]
    port: 8000
    live: /openapi.json
    ready: /openapi.json
  api:
    kind: api
    image: registry.example.com/team/api:2
    command: [python, -m, uvicorn, "team:app"]
    environment: {DSN: "postgres://db.example.com/x"}
    port: 8000
    live: /openapi.json
    ready: /openapi.json
  gateway: {kind: other, variant: gateway, after: [app], ports: [80]}
  job:
    kind: other
    variant: job
    command: [arq, app.Worker]
    environment: {DSN: "postgres://db:5432/x"}
smoke:
  data: null
  services:
    db: {image: "postgis/postgis:16"}
  before:
    loader: {image: "registry.example.com/team/loader:1", command: [load]}
""",
    notes=(
        guess_path("api"),
        "app: nothing says where it listens, so its port is taken as 8000; `roles.app.port` says otherwise.",
        guess_path("app"),
        guess_kind("job"),
        leave_out("adapter"),
    ),
)

STACKS: Mapping[str, Stack] = {name.lower(): each for name, each in globals().items() if isinstance(each, Stack)}
