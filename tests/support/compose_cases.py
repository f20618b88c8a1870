"""Compose files that cover what our reader of them knows, with the values that they stand for, stated by hand.

`tests/settings/compose/test_reader.py` holds our reader to the values, `tests/live/test_compose_files.py` holds Compose
itself to them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from weighbridge.settings.compose.project import (
    ComposeBuild,
    ComposeFile,
    ComposeHealthcheck,
    ComposeService,
    ComposeTmpfs,
    ComposeVolume,
)

Services = list[ComposeService]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A folder of files, how they are read, and what they stand for."""

    files: Mapping[str, str]
    """Path in the folder -> content."""
    expected: Callable[[Path], Services]
    """The services, given the folder."""
    read: tuple[str, ...] = ("compose.yaml",)
    """The files to read; those that are found if it is empty."""
    environment: Mapping[str, str] = field(default_factory=dict)
    profiles: tuple[str, ...] = ()
    name: str = "shop"
    """The project's name; the folder is called Shop."""
    since: tuple[int, int] = (2, 26)
    """The oldest Compose, of those that were tried, that takes it so."""
    notes: tuple[str, ...] = ()
    """What our reader leaves out, all of it."""

    def write(self, parent: Path) -> Path:
        """Write the files and return their folder."""
        root = parent / "Shop"
        for path, content in self.files.items():
            file = root / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content, encoding="utf-8")
        return root


def bind(source: Path, target: str, *, read_only: bool = False) -> ComposeVolume:
    """Return a bind mount."""
    return ComposeVolume(kind="bind", source=str(source), target=target, read_only=read_only)


PORTS = Case(
    files={
        "compose.yaml": """
services:
  short:
    image: a
    ports:
      - "3000"
      - "3001-3003"
      - 8000:80
      - "9090-9091:8080-8081"
      - "127.0.0.1:8001:8001"
      - "127.0.0.1::5000"
      - "[::1]:6001:6001"
      - "6060:6061/tcp"
      - "53:53/udp"
      - "8100-8110:90"
      - 8443
  long:
    image: a
    ports:
      - {target: 80, host_ip: 127.0.0.1, published: "8080", protocol: tcp, mode: host}
      - {target: 443, published: 8443-8445}
      - {target: 514, protocol: udp}
    expose: ["1000", 1001, "1002-1004", "1005/tcp", "1006/udp"]
"""
    },
    expected=lambda _: [
        ComposeService(
            name="short", image="a", ports=(3000, 3001, 3002, 3003, 80, 8080, 8081, 8001, 5000, 6001, 6061, 90, 8443)
        ),
        ComposeService(name="long", image="a", ports=(80, 443), expose=(1000, 1001, 1002, 1003, 1004, 1005)),
    ],
    notes=(
        "services.short.ports[8] is not a TCP port and is left out",
        "services.long.ports[2] is not a TCP port and is left out",
        "services.long.expose[4] is not a TCP port and is left out",
    ),
)

MOUNTS = Case(
    files={
        "compose.yaml": """
services:
  short:
    image: a
    volumes:
      - data:/data
      - data:/kept:ro
      - ./code:/app
      - ../up/./there/:/up/:ro,z
      - ~/key:/key:ro
      - /abs:/abs:rw
      - /anonymous
    tmpfs: /run
  long:
    image: a
    volumes:
      - {type: volume, source: data, target: /data, read_only: true, volume: {nocopy: true}}
      - {type: volume, target: /anonymous}
      - {type: bind, source: ./code, target: /app, bind: {create_host_path: false}}
      - {type: bind, source: ., target: /all, read_only: true}
      - {type: tmpfs, target: /tmp, tmpfs: {size: 64m, mode: 1777}}
      - {type: tmpfs, target: /small, tmpfs: {size: 4096}}
      - {type: tmpfs, target: /plain}
    tmpfs: ["/big:size=1.5g,mode=1777", "/half:size=50%", "/run"]
    read_only: true
volumes:
  data:
    driver: local
""",
    },
    environment={"HOME": "/home/me"},
    expected=lambda root: [
        ComposeService(
            name="short",
            image="a",
            volumes=(
                ComposeVolume(kind="volume", source="data", target="/data"),
                ComposeVolume(kind="volume", source="data", target="/kept", read_only=True),
                bind(root / "code", "/app"),
                bind(root.parent / "up/there", "/up", read_only=True),
                bind(Path("/home/me/key"), "/key", read_only=True),
                bind(Path("/abs"), "/abs"),
                ComposeVolume(kind="volume", target="/anonymous"),
            ),
            tmpfs=(ComposeTmpfs(target="/run"),),
        ),
        ComposeService(
            name="long",
            image="a",
            volumes=(
                ComposeVolume(kind="volume", source="data", target="/data", read_only=True),
                ComposeVolume(kind="volume", target="/anonymous"),
                bind(root / "code", "/app"),
                bind(root, "/all", read_only=True),
                ComposeVolume(kind="tmpfs", target="/tmp", size_bytes=67_108_864),  # noqa: S108 - in a container
                ComposeVolume(kind="tmpfs", target="/small", size_bytes=4096),
                ComposeVolume(kind="tmpfs", target="/plain"),
            ),
            tmpfs=(
                ComposeTmpfs(target="/big", size_bytes=1_610_612_736, mode=0o1777),
                ComposeTmpfs(target="/half"),
                ComposeTmpfs(target="/run"),
            ),
            read_only=True,
        ),
    ],
    notes=(
        "services.long.tmpfs[1] has options that are not understood and are left out",
        "volumes.data.driver is not understood and is left out",
    ),
)

COMMANDS = Case(
    files={
        "compose.yaml": r"""
services:
  line: {image: a, command: celery --app app worker -Q "a b" 'c d' e\ f "", entrypoint: /entry.sh --wait}
  list: {image: a, command: [sh, -c, "echo a && b"], entrypoint: []}
  empty: {image: a, command: "", entrypoint: ""}
  none: {image: a, command: null, entrypoint: ~}
  folded:
    image: a
    command: >
      gunicorn app:app
      --bind 0.0.0.0:80
  shell: {image: a, command: 'sh -c "echo \"$$HOME\" $$(id -u); ls > x" `id` $$(id -u)'}
  cut: {image: a, command: alembic upgrade head && uvicorn app:app}
  other: {image: a, user: "1000:1000", working_dir: /srv, stop_signal: SIGINT, restart: unless-stopped}
  off: {image: a, restart: no, stop_grace_period: 1m30s, scale: 2, deploy: {replicas: 2, resources: {}}}
"""
    },
    expected=lambda _: [
        ComposeService(
            name="line",
            image="a",
            command=("celery", "--app", "app", "worker", "-Q", "a b", "c d", "e f", ""),
            entrypoint=("/entry.sh", "--wait"),
        ),
        ComposeService(name="list", image="a", command=("sh", "-c", "echo a && b"), entrypoint=()),
        ComposeService(name="empty", image="a", command=(), entrypoint=()),
        ComposeService(name="none", image="a"),
        ComposeService(name="folded", image="a", command=("gunicorn", "app:app", "--bind", "0.0.0.0:80")),
        ComposeService(
            name="shell", image="a", command=("sh", "-c", 'echo "$HOME" $(id -u); ls > x', "`id`", "$(id -u)")
        ),
        ComposeService(name="cut", image="a", command=("alembic", "upgrade", "head")),
        ComposeService(
            name="other",
            image="a",
            user="1000:1000",
            working_dir="/srv",
            stop_signal="SIGINT",
            restart="unless-stopped",
        ),
        ComposeService(name="off", image="a", restart="no", stop_grace_period=90.0, replicas=2),
    ],
    notes=(
        "services.cut.command ends at the first ; & | < or > outside of quotes: Compose starts no shell",
        "services.off.deploy.resources is not understood and is left out",
    ),
)

SCALARS = Case(
    files={
        "compose.yaml": """
services:
  section:
    image: a
    environment:
      TEXT: a b
      QUOTED: "007"
      YES: yes
      ON: on
      TRUTH: true
      WHOLE: 12
      OCTAL: 0777
      NEITHER: 089
      HEX: 0x1F
      PLUS: +5
      UNDERLINED: 1_000
      FLOAT: 1.10
      EXPONENT: 1e3
      TINY: 0.00000001
      LARGE: 100000000000000000000000
      TIME: 22:22
      EMPTY: ""
      NOTHING:
      TILDE: ~
      HERE:
    labels: {a: 1, b: true, c: null, d.e: f}
  list:
    image: a
    environment: [A=1, B=x=y, C=, HERE, NOWHERE, A=2]
    labels: [a=b, c]
""",
    },
    environment={"HERE": "from outside"},
    expected=lambda _: [
        ComposeService(
            name="section",
            image="a",
            environment={
                "TEXT": "a b",
                "QUOTED": "007",
                "YES": "yes",
                "ON": "on",
                "TRUTH": "true",
                "WHOLE": "12",
                "OCTAL": "511",
                "NEITHER": "89",
                "HEX": "31",
                "PLUS": "5",
                "UNDERLINED": "1000",
                "FLOAT": "1.1",
                "EXPONENT": "1000",
                "TINY": "1e-08",
                "LARGE": "1e+23",
                "TIME": "22:22",
                "EMPTY": "",
                "HERE": "from outside",
            },
            labels={"a": "1", "b": "true", "c": "", "d.e": "f"},
        ),
        ComposeService(
            name="list",
            image="a",
            environment={"A": "2", "B": "x=y", "C": "", "HERE": "from outside"},
            labels={"a": "b", "c": ""},
        ),
    ],
)

_ONE = {
    "PLAIN": "1",
    "INDENTED": "spaced out",
    "COLON": "two",
    "SINGLE": r"as $PLAIN \n it's",
    "DOUBLE": 'with 1 \n $PLAIN $PLAIN "q" \t \\ \\101 A \\c',
    "HASH": "#hash",
    "BLANK": "# text",
    "INNER": "a#b",
    "USES": "1-default-out",
    "OUTSIDE": "out",
    "LINES": "two\nlines",
    "EMPTY": "",
    "EMPTY2": "",
    "AFTER": "x",
    "MIDDLE": 'a"b"c',
    "BACKSLASH": r"\n",
    "DOLLAR": "pa$word$5$",
    "a.b-c[0]": "dotted",
}

ENV_FILES = Case(
    files={
        "compose.yaml": """
services:
  one: {image: a, env_file: one.env}
  more:
    image: a
    env_file: [one.env, ./two.env, {path: missing.env, required: false}, {path: sub/three.env}]
    environment: {OWN: own, HASH: null}
""",
        "one.env": r"""
# a comment
export PLAIN=1
  INDENTED = spaced out   # a comment
COLON: two
SINGLE='as $PLAIN \n it\'s'
DOUBLE="with $PLAIN \n \$PLAIN $$PLAIN \"q\" \t \\ \101 \0101 \c"
HASH=#hash
BLANK= # text
INNER=a#b
USES=${PLAIN}-${NOWHERE:-default}-${OUTSIDE}
OUTSIDE
ABSENT
LINES="two
lines" # a comment
EMPTY=
EMPTY2=""
AFTER='x'
MIDDLE=a"b"c
BACKSLASH=\n
DOLLAR=pa$$word$5$
a.b-c[0]=dotted
""",
        "two.env": "PLAIN=2\nOWN=theirs\r\nWIN=dos\r\nLATER=$COLON\nLAST=end",
        "sub/three.env": "\ufeffTHREE=3\nHASH=three\n",
    },
    environment={"OUTSIDE": "out"},
    expected=lambda _: [
        ComposeService(name="one", image="a", environment=_ONE),
        ComposeService(
            name="more",
            image="a",
            environment={
                **{name: value for name, value in _ONE.items() if name != "HASH"},
                "PLAIN": "2",
                "OWN": "own",
                "WIN": "dos",
                "LATER": "two",
                "LAST": "end",
                "THREE": "3",
            },
        ),
    ],
)

ENV_PRECEDENCE = Case(
    files={
        "compose.yaml": """
services:
  app: {image: a, env_file: [one.env, two.env], environment: {MINE: service, HERE: null}}
""",
        "one.env": "MINE=one\nFILE=one\nUSES=$MINE-$FILE-$OUTSIDE\n",
        "two.env": "FILE=two\nLATER=$MINE-$FILE-$USES\nHERE=two\n",
    },
    environment={"OUTSIDE": "out", "HERE": "here"},
    since=(2, 40),
    expected=lambda _: [
        ComposeService(
            name="app",
            image="a",
            environment={
                "MINE": "service",
                "FILE": "two",
                "USES": "service-one-out",
                "LATER": "service-two-service-one-out",
                "HERE": "here",
            },
        )
    ],
)

INTERPOLATION = Case(
    files={
        "compose.yaml": """
name: ${PROJECT:-fallback}
x-unused: ${UNSET-fine}
services:
  app:
    image: ${REGISTRY}/app:${TAG:-latest}
    environment:
      PLAIN: $SET and ${SET}
      DASH: "${UNSET-d}|${EMPTY-d}|${SET-d}"
      COLON_DASH: "${UNSET:-d}|${EMPTY:-d}|${SET:-d}"
      PLUS: "${UNSET+p}|${EMPTY+p}|${SET+p}"
      COLON_PLUS: "${UNSET:+p}|${EMPTY:+p}|${SET:+p}"
      ASK: "${SET?no}${SET:?no}${EMPTY?no}"
      NESTED: "${UNSET:-${ALSO_UNSET:-${SET}s}}${UNSET:-a${SET}b}"
      INNER_DOLLAR: "${UNSET:-$$x}"
      BRACES: '${UNSET:-{"a":1}}'
      DOLLARS: "$$SET $$$$ $5 $ a$"
      URL: postgresql://${DB_USER}:${DB_PASSWORD}@db/${PROJECT}
      FROM_FILE: $FROM_FILE
      NAME: $COMPOSE_PROJECT_NAME
    read_only: ${TRUTH}
    ports: ["${PORT:-8000}:${INNER:-80}"]
    stop_grace_period: ${GRACE:-5s}
""",
        ".env": """
DB_USER=shop
DB_PASSWORD='p@ss$word'
FROM_FILE=file
SET=file
TRUTH=true
USES=$SET
GRACE=${UNSET:-7s}
""",
    },
    environment={"SET": "set", "EMPTY": "", "REGISTRY": "registry.example", "PROJECT": "mine"},
    name="mine",
    expected=lambda _: [
        ComposeService(
            name="app",
            image="registry.example/app:latest",
            environment={
                "PLAIN": "set and set",
                "DASH": "d||set",
                "COLON_DASH": "d|d|set",
                "PLUS": "|p|p",
                "COLON_PLUS": "||p",
                "ASK": "setset",
                "NESTED": "setsasetb",
                "INNER_DOLLAR": "$x",
                "BRACES": '{"a":1}',
                "DOLLARS": "$SET $$ $5 $ a$",
                "URL": "postgresql://shop:p@ss$word@db/mine",
                "FROM_FILE": "file",
                "NAME": "mine",
            },
            read_only=True,
            ports=(80,),
            stop_grace_period=7.0,
        )
    ],
)

BUILDS = Case(
    files={
        "compose.yaml": """
services:
  short: {build: .}
  folder: {build: ./api, image: shop/api}
  full:
    build:
      context: api
      dockerfile: ../docker/Dockerfile.api
      target: runtime
      args: {A: 1, B: true, FROM_OUTSIDE: , NOWHERE: }
  list: {build: {args: [A=1, FROM_OUTSIDE, NOWHERE], target: ""}}
  remote: {build: https://example.com/shop.git#main}
""",
    },
    environment={"FROM_OUTSIDE": "out"},
    expected=lambda root: [
        ComposeService(name="short", build=ComposeBuild(context=str(root))),
        ComposeService(name="folder", image="shop/api", build=ComposeBuild(context=str(root / "api"))),
        ComposeService(
            name="full",
            build=ComposeBuild(
                context=str(root / "api"),
                dockerfile="../docker/Dockerfile.api",
                target="runtime",
                args={"A": "1", "B": "true", "FROM_OUTSIDE": "out"},
            ),
        ),
        ComposeService(name="list", build=ComposeBuild(context=str(root), args={"A": "1", "FROM_OUTSIDE": "out"})),
        ComposeService(name="remote", build=ComposeBuild(context="https://example.com/shop.git#main")),
    ],
)

DEPENDENCIES = Case(
    files={
        "compose.yaml": """
services:
  api:
    image: a
    depends_on:
      db: {condition: service_healthy}
      cache: {condition: service_started, required: true}
      migrate: {condition: service_completed_successfully}
      tracing: {condition: service_started, required: false}
  worker: {image: a, depends_on: [db, cache]}
  migrate: {image: a, depends_on: {db: {condition: service_healthy}}}
  db: {image: b}
  cache: {image: c}
  tracing: {image: d, profiles: [tracing]}
""",
    },
    expected=lambda _: [
        ComposeService(name="db", image="b"),
        ComposeService(name="cache", image="c"),
        ComposeService(name="worker", image="a", depends_on={"db": "service_started", "cache": "service_started"}),
        ComposeService(name="migrate", image="a", depends_on={"db": "service_healthy"}),
        ComposeService(
            name="api",
            image="a",
            depends_on={
                "db": "service_healthy",
                "cache": "service_started",
                "migrate": "service_completed_successfully",
            },
        ),
    ],
)

HEALTH = Case(
    files={
        "compose.yaml": """
services:
  line: {image: a, healthcheck: {test: curl -f localhost || exit 1, interval: 1m30s, timeout: 500ms, retries: 3}}
  words: {image: a, healthcheck: {test: [CMD, pg_isready, -U, "$${POSTGRES_USER}"], start_period: 1.5h}}
  shell: {image: a, healthcheck: {test: ["CMD-SHELL", "redis-cli ping"], retries: "5"}}
  none: {image: a, healthcheck: {test: [NONE]}}
  disabled: {image: a, healthcheck: {disable: true}}
  timing: {image: a, healthcheck: {interval: 1h2m3s4ms, start_period: 0s, test: []}}
""",
    },
    expected=lambda _: [
        ComposeService(
            name="line",
            image="a",
            healthcheck=ComposeHealthcheck(
                test=("CMD-SHELL", "curl -f localhost || exit 1"), interval=90.0, timeout=0.5, retries=3
            ),
        ),
        ComposeService(
            name="words",
            image="a",
            healthcheck=ComposeHealthcheck(test=("CMD", "pg_isready", "-U", "${POSTGRES_USER}"), start_period=5400.0),
        ),
        ComposeService(
            name="shell",
            image="a",
            healthcheck=ComposeHealthcheck(test=("CMD-SHELL", "redis-cli ping"), retries=5),
        ),
        ComposeService(name="none", image="a", healthcheck=ComposeHealthcheck(disabled=True)),
        ComposeService(name="disabled", image="a", healthcheck=ComposeHealthcheck(disabled=True)),
        ComposeService(name="timing", image="a", healthcheck=ComposeHealthcheck(interval=3723.004, start_period=0.0)),
    ],
)

NETWORKS = Case(
    files={
        "compose.yaml": """
services:
  default: {image: a}
  list: {image: a, networks: [back, front]}
  section: {image: a, networks: {back: {aliases: [db, postgres], ipv4_address: 10.0.0.2}, front: }}
  both: {image: a, networks: {default: {aliases: [me]}}}
  named: {image: a, container_name: shop-named, hostname: inside}
networks:
  back: {internal: true}
  front:
""",
    },
    expected=lambda _: [
        ComposeService(name="default", image="a", networks={"default": ()}),
        ComposeService(name="list", image="a", networks={"back": (), "front": ()}),
        ComposeService(name="section", image="a", networks={"back": ("db", "postgres"), "front": ()}),
        ComposeService(name="both", image="a", networks={"default": ("me",)}),
        ComposeService(name="named", image="a", container_name="shop-named", hostname="inside"),
    ],
    notes=(
        "services.section.networks.back.ipv4_address is not understood and is left out",
        "networks.back.internal is not understood and is left out",
    ),
)

_PROFILES = """
services:
  always: {image: a}
  empty: {image: a, profiles: []}
  debug: {image: b, profiles: [debug]}
  either: {image: c, profiles: [debug, tools]}
  tools: {image: d, profiles: ["tools"], depends_on: [either]}
"""


def _profiled(*names: str) -> Services:
    services = [
        ComposeService(name="always", image="a"),
        ComposeService(name="empty", image="a"),
        ComposeService(name="debug", image="b", profiles=("debug",)),
        ComposeService(name="either", image="c", profiles=("debug", "tools")),
        ComposeService(name="tools", image="d", profiles=("tools",), depends_on={"either": "service_started"}),
    ]
    return [service for service in services if service.name in names]


NO_PROFILE = Case(files={"compose.yaml": _PROFILES}, expected=lambda _: _profiled("always", "empty"))
ONE_PROFILE = Case(
    files={"compose.yaml": _PROFILES},
    profiles=("tools",),
    expected=lambda _: _profiled("always", "empty", "either", "tools"),
)
ALL_PROFILES = Case(
    files={"compose.yaml": _PROFILES},
    profiles=("*",),
    expected=lambda _: _profiled("always", "empty", "debug", "either", "tools"),
)
PROFILE_OF_FILE = Case(
    files={"compose.yaml": _PROFILES, ".env": "COMPOSE_PROFILES=debug,other\nCOMPOSE_PROJECT_NAME=named\n"},
    name="named",
    expected=lambda _: _profiled("always", "empty", "debug", "either"),
)

_MERGED_FIRST = """
name: first
services:
  app:
    image: a
    build: {context: ., args: {A: 1, B: 1}}
    command: [one, two]
    entrypoint: [entry]
    environment: {A: 1, B: 1}
    env_file: one.env
    labels: [a=1, b=1]
    ports: ["80", "443:443"]
    expose: ["1", "2"]
    volumes: ["data:/data", "./code:/app"]
    tmpfs: /run
    healthcheck: {test: first, interval: 5s, retries: 3}
    depends_on: [db]
    networks: [back]
    profiles: []
    user: first
    restart: always
    stop_grace_period: 5s
    secrets: [key]
    deploy: {replicas: 2}
  db: {image: b, command: keep}
networks: {back: }
volumes: {data: }
secrets: {key: {file: ./key}}
"""
_MERGED_SECOND = """
services:
  app:
    build: {target: dev, args: [B=2, C=2]}
    command: three
    entrypoint: null
    environment: [B=2, C=2]
    env_file: [two.env]
    labels: {b: 2, c: 2}
    ports: ["443:443", "8080:8080"]
    expose: [2, 3]
    volumes: ["./other:/app:ro", "cache:/cache"]
    tmpfs: [/run, /tmp]
    healthcheck: {test: [CMD, second], timeout: 1s}
    depends_on: {db: {condition: service_healthy}, cache: {condition: service_started}}
    networks: {back: {aliases: [api]}, front: }
    user: second
    restart: "no"
    secrets: [{source: other, target: other.txt}]
    deploy: {replicas: 1}
  cache: {image: c}
networks: {front: }
volumes: {cache: }
secrets: {other: {file: ./other}}
"""


def _merged(root: Path) -> Services:
    return [
        ComposeService(name="db", image="b", command=("keep",)),
        ComposeService(name="cache", image="c"),
        ComposeService(
            name="app",
            image="a",
            build=ComposeBuild(context=str(root), target="dev", args={"A": "1", "B": "2", "C": "2"}),
            command=("three",),
            environment={"ONE": "1", "TWO": "2", "A": "1", "B": "2", "C": "2", "BOTH": "two"},
            labels={"a": "1", "b": "2", "c": "2"},
            ports=(80, 443, 8080),
            expose=(1, 2, 3),
            volumes=(
                ComposeVolume(kind="volume", source="data", target="/data"),
                bind(root / "other", "/app", read_only=True),
                ComposeVolume(kind="volume", source="cache", target="/cache"),
            ),
            tmpfs=(ComposeTmpfs(target="/run"), ComposeTmpfs(target="/tmp")),  # noqa: S108 - in a container
            healthcheck=ComposeHealthcheck(test=("CMD", "second"), interval=5.0, timeout=1.0, retries=3),
            depends_on={"db": "service_healthy", "cache": "service_started"},
            networks={"back": ("api",), "front": ()},
            user="second",
            restart="no",
            stop_grace_period=5.0,
            secrets=(
                ComposeFile(name="key", target="/run/secrets/key", path=root / "key"),
                ComposeFile(name="other", target="/run/secrets/other.txt", path=root / "other"),
            ),
        ),
    ]


_ENV_OF_BOTH = {"one.env": "ONE=1\nBOTH=one\n", "two.env": "TWO=2\nBOTH=two\n"}
MERGED = Case(
    files={"compose.yaml": _MERGED_FIRST, "deploy/prod.yaml": _MERGED_SECOND, **_ENV_OF_BOTH},
    read=("compose.yaml", "deploy/prod.yaml"),
    name="first",
    expected=_merged,
)
FOUND = Case(
    files={
        "docker-compose.yml": _MERGED_FIRST,
        "docker-compose.yaml": "services: {not: {image: taken}}",
        "docker-compose.override.yml": _MERGED_SECOND,
        **_ENV_OF_BOTH,
    },
    read=(),
    name="first",
    expected=_merged,
)
FOUND_ALONE = Case(
    files={"compose.yml": "services: {app: {image: a}}", "docker-compose.yml": "services: {not: {image: taken}}"},
    read=(),
    expected=lambda _: [ComposeService(name="app", image="a")],
)
FOUND_FIRST = Case(
    files={
        "compose.yaml": "services: {app: {image: a}}",
        "compose.yml": "services: {not: {image: taken}}",
        "compose.override.yaml": "name: second\nservices: {app: {user: one}}",
    },
    read=(),
    name="second",
    expected=lambda _: [ComposeService(name="app", image="a", user="one")],
)

TAGS = Case(
    files={
        "compose.yaml": """
services:
  app:
    image: a
    build: {context: ., args: {A: 1}}
    ports: ["80:80", "443:443"]
    environment: {A: 1, B: 1}
    volumes: ["./code:/app"]
    healthcheck: {test: one, retries: 3}
    depends_on: [gone]
    labels: {a: 1}
  gone: {image: b}
""",
        "override.yaml": """
services:
  app:
    build: !reset null
    ports: !override ["8080:80"]
    environment: {A: !reset null, C: 3}
    volumes: !reset []
    healthcheck: {retries: !reset null}
    depends_on: !reset []
    labels: !override {b: 2}
  gone: !reset null
""",
    },
    read=("compose.yaml", "override.yaml"),
    expected=lambda _: [
        ComposeService(
            name="app",
            image="a",
            ports=(80,),
            environment={"B": "1", "C": "3"},
            healthcheck=ComposeHealthcheck(test=("CMD-SHELL", "one")),
            labels={"b": "2"},
        )
    ],
)

EXTENDS = Case(
    files={
        "compose.yaml": """
services:
  base: {image: a, environment: {A: 1, B: 1}, command: base, ports: ["80"], labels: {a: 1}}
  middle: {extends: {service: base}, environment: {B: 2}, ports: ["81"]}
  top: {extends: middle, environment: [C=3], command: null, labels: [b=2]}
  outside:
    extends: {file: shared/services.yaml, service: worker}
    environment: {OWN: 1}
    volumes: ["./mine:/mine"]
""",
        "shared/services.yaml": """
services:
  worker:
    extends: {file: deeper/root.yaml, service: root}
    image: ${IMAGE}
    build: .
    env_file: worker.env
    volumes: ["./data:/data"]
    healthcheck: {test: one, interval: 1s}
  unused: {image: "${IMAGE}", depends_on: [nobody]}
""",
        "shared/deeper/root.yaml": "services: {root: {image: x, user: root, volumes: ['./r:/r'], command: [run]}}",
        "shared/worker.env": "FILE=1\nOWN=0\n",
        "shared/.env": "IMAGE=never-read\n",
    },
    environment={"IMAGE": "worker"},
    expected=lambda root: [
        ComposeService(
            name="base", image="a", environment={"A": "1", "B": "1"}, command=("base",), ports=(80,), labels={"a": "1"}
        ),
        ComposeService(
            name="middle",
            image="a",
            environment={"A": "1", "B": "2"},
            command=("base",),
            ports=(80, 81),
            labels={"a": "1"},
        ),
        ComposeService(
            name="top",
            image="a",
            environment={"A": "1", "B": "2", "C": "3"},
            ports=(80, 81),
            labels={"a": "1", "b": "2"},
        ),
        ComposeService(
            name="outside",
            image="worker",
            user="root",
            command=("run",),
            build=ComposeBuild(context=str(root / "shared")),
            environment={"FILE": "1", "OWN": "1"},
            volumes=(
                bind(root / "shared/deeper/r", "/r"),
                bind(root / "shared/data", "/data"),
                bind(root / "mine", "/mine"),
            ),
            healthcheck=ComposeHealthcheck(test=("CMD-SHELL", "one"), interval=1.0),
        ),
    ],
)

INCLUDE = Case(
    files={
        "compose.yaml": """
include:
  - infra/compose.yaml
  - path: [more/one.yaml, more/two.yaml]
services:
  app: {image: "a:${TAG}", depends_on: [db, extra], volumes: ["data:/data"]}
""",
        "infra/compose.yaml": """
include: [deep/compose.yaml]
services:
  db: {image: "db:${TAG}-${OTHER}", volumes: ["data:/data", "./init:/init"], build: {target: x}, depends_on: [deep]}
volumes: {data: }
""",
        "infra/.env": "TAG=inner\nOTHER=infra\n",
        "infra/deep/compose.yaml": "services: {deep: {image: \"d:${OTHER}\", volumes: ['./d:/d']}}",
        "more/one.yaml": "services: {extra: {image: one, user: one}}",
        "more/two.yaml": "services: {extra: {image: two}}",
        ".env": "TAG=outer\n",
    },
    expected=lambda root: [
        ComposeService(name="deep", image="d:infra", volumes=(bind(root / "infra/deep/d", "/d"),)),
        ComposeService(name="extra", image="two", user="one"),
        ComposeService(
            name="db",
            image="db:outer-infra",
            volumes=(
                ComposeVolume(kind="volume", source="data", target="/data"),
                bind(root / "infra/init", "/init"),
            ),
            build=ComposeBuild(context=str(root / "infra"), target="x"),
            depends_on={"deep": "service_started"},
        ),
        ComposeService(
            name="app",
            image="a:outer",
            depends_on={"db": "service_started", "extra": "service_started"},
            volumes=(ComposeVolume(kind="volume", source="data", target="/data"),),
        ),
    ],
)

ANCHORS = Case(
    files={
        "compose.yaml": """
version: "3.8"
x-environment: &environment
  A: 1
  B: 1
x-app: &app
  image: a
  restart: always
  environment: &more
    <<: *environment
    B: 2
services:
  api:
    <<: *app
    command: api
  worker:
    <<: *app
    x-note: ours
    restart: "no"
    environment: {<<: [*more], C: 3}
""",
    },
    expected=lambda _: [
        ComposeService(name="api", image="a", command=("api",), restart="always", environment={"A": "1", "B": "2"}),
        ComposeService(name="worker", image="a", restart="no", environment={"A": "1", "B": "2", "C": "3"}),
    ],
)

SECRETS = Case(
    files={
        "compose.yaml": """
services:
  app:
    image: a
    secrets: [file, {source: variable, target: token, uid: "1"}, {source: file, target: /etc/file}]
    configs: [file, {source: text, target: /etc/app.ini}]
secrets:
  file: {file: ./secrets/key}
  variable: {environment: TOKEN}
configs:
  file: {file: ../app.ini}
  text: {content: "user=${USER_NAME}\\n"}
""",
    },
    environment={"TOKEN": "t0ken", "USER_NAME": "me"},
    expected=lambda root: [
        ComposeService(
            name="app",
            image="a",
            secrets=(
                ComposeFile(name="file", target="/run/secrets/file", path=root / "secrets/key"),
                ComposeFile(name="variable", target="/run/secrets/token", content="t0ken"),
                ComposeFile(name="file", target="/etc/file", path=root / "secrets/key"),
            ),
            configs=(
                ComposeFile(name="file", target="/file", path=root.parent / "app.ini"),
                ComposeFile(name="text", target="/etc/app.ini", content="user=me\n"),
            ),
        )
    ],
    notes=("services.app.secrets[1].uid is not understood and is left out",),
)

UNKNOWN = Case(
    files={
        "compose.yaml": """
services:
  app:
    image: a
    gpus: all
    cap_drop: [ALL]
    mem_limit: 512m
    depends_on: {db: {condition: service_started, restart: true}}
    deploy: {mode: replicated}
  db: {image: b}
""",
    },
    expected=lambda _: [
        ComposeService(name="db", image="b"),
        ComposeService(name="app", image="a", depends_on={"db": "service_started"}),
    ],
    notes=(
        "services.app.gpus is not understood and is left out",
        "services.app.cap_drop is not understood and is left out",
        "services.app.mem_limit is not understood and is left out",
        "services.app.deploy.mode is not understood and is left out",
    ),
)

STACK = Case(
    files={
        "compose.yaml": """
x-app: &app
  build: {context: ., target: runtime}
  image: "shop:${TAG?Variable not set}"
  env_file: [.env]
  environment: &variables
    DATABASE_URL: postgresql+psycopg://${POSTGRES_USER}:${POSTGRES_PASSWORD}@db:5432/${POSTGRES_DB:-shop}
    BROKER_URL: amqp://${RABBIT_USER:-guest}:${RABBIT_PASSWORD:-guest}@rabbitmq:5672//
services:
  db:
    image: postgres:17
    restart: always
    volumes: [db-data:/var/lib/postgresql/data/pgdata]
    environment:
      - PGDATA=/var/lib/postgresql/data/pgdata
      - POSTGRES_PASSWORD=${POSTGRES_PASSWORD?Variable not set}
      - POSTGRES_USER
    healthcheck:
      test: ["CMD-SHELL", "pg_isready -U $${POSTGRES_USER}"]
      interval: 10s
      retries: 5
      start_period: 30s
  rabbitmq: {image: rabbitmq:4, hostname: rabbit, healthcheck: {test: rabbitmq-diagnostics -q ping}}
  migrate: {<<: *app, command: alembic upgrade head, depends_on: {db: {condition: service_healthy}}}
  api:
    <<: *app
    command: ["gunicorn", "-k", "uvicorn.workers.UvicornWorker", "app.main:app", "--bind", "0.0.0.0:8000"]
    ports: ["${PORT:-8000}:8000"]
    depends_on:
      migrate: {condition: service_completed_successfully}
      rabbitmq: {condition: service_healthy}
  worker:
    <<: *app
    command: celery -A app.worker worker -Q default,mail --loglevel=info
    environment: {<<: *variables, C_FORCE_ROOT: "true"}
    depends_on: {migrate: {condition: service_completed_successfully}}
    deploy: {replicas: 2}
volumes:
  db-data:
""",
        ".env": 'TAG=1.2\nPOSTGRES_USER=shop\nPOSTGRES_PASSWORD="changethis"\nPORT=80\n',
    },
    environment={"TAG": "1.3"},
    expected=lambda root: [
        ComposeService(
            name="db",
            image="postgres:17",
            restart="always",
            volumes=(ComposeVolume(kind="volume", source="db-data", target="/var/lib/postgresql/data/pgdata"),),
            environment={
                "PGDATA": "/var/lib/postgresql/data/pgdata",
                "POSTGRES_PASSWORD": "changethis",
                "POSTGRES_USER": "shop",
            },
            healthcheck=ComposeHealthcheck(
                test=("CMD-SHELL", "pg_isready -U ${POSTGRES_USER}"), interval=10.0, retries=5, start_period=30.0
            ),
        ),
        ComposeService(
            name="rabbitmq",
            hostname="rabbit",
            image="rabbitmq:4",
            healthcheck=ComposeHealthcheck(test=("CMD-SHELL", "rabbitmq-diagnostics -q ping")),
        ),
        ComposeService(
            name="migrate",
            command=("alembic", "upgrade", "head"),
            depends_on={"db": "service_healthy"},
            **_of_stack(root),
        ),
        ComposeService(
            name="api",
            command=("gunicorn", "-k", "uvicorn.workers.UvicornWorker", "app.main:app", "--bind", "0.0.0.0:8000"),
            ports=(8000,),
            depends_on={"migrate": "service_completed_successfully", "rabbitmq": "service_healthy"},
            **_of_stack(root),
        ),
        ComposeService(
            name="worker",
            command=("celery", "-A", "app.worker", "worker", "-Q", "default,mail", "--loglevel=info"),
            depends_on={"migrate": "service_completed_successfully"},
            replicas=2,
            **_of_stack(root, C_FORCE_ROOT="true"),
        ),
    ],
)


def _of_stack(root: Path, **more: str) -> dict[str, Any]:
    return {
        "image": "shop:1.3",
        "build": ComposeBuild(context=str(root), target="runtime"),
        "environment": {
            "TAG": "1.2",
            "POSTGRES_USER": "shop",
            "POSTGRES_PASSWORD": "changethis",
            "PORT": "80",
            "DATABASE_URL": "postgresql+psycopg://shop:changethis@db:5432/shop",
            "BROKER_URL": "amqp://guest:guest@rabbitmq:5672//",
            **more,
        },
    }


CASES: Mapping[str, Case] = {name.lower(): case for name, case in globals().items() if isinstance(case, Case)}

REFUSED: Mapping[str, tuple[str, str]] = {
    "no image": ("{a: {}}", "services.a: it has neither an image nor a build"),
    "image of a variable that is not set": ("{a: {image: $NONE}}", "services.a: its image is empty"),
    "port": ('{a: {image: x, ports: ["70000"]}}', "services.a.ports[0]: it has to be a port of a container"),
    "port list": ("{a: {image: x, ports: 80}}", "services.a.ports: it has to be a list"),
    "port form": ('{a: {image: x, ports: ["80:81:82:83"]}}', "services.a.ports[0]: it has to be a port"),
    "port ranges": ('{a: {image: x, ports: ["80-81:80-85"]}}', "services.a.ports[0]: the ranges"),
    "port without target": ("{a: {image: x, ports: [{published: 80}]}}", "services.a.ports[0]: its target is missing"),
    "duration": ('{a: {image: x, stop_grace_period: "90"}}', "services.a.stop_grace_period: it has to be a duration"),
    "health": ("{a: {image: x, healthcheck: {test: [curl]}}}", "services.a.healthcheck.test: its first word has to be"),
    "retries": (
        "{a: {image: x, healthcheck: {retries: often}}}",
        "services.a.healthcheck.retries: it has to be a whole",
    ),
    "condition": (
        "{a: {image: x, depends_on: {b: {condition: up}}}, b: {image: x}}",
        "services.a.depends_on.b.condition: it has to be one of",
    ),
    "no such service": (
        "{a: {image: x, depends_on: [b]}}",
        "services.a.depends_on: the service that it names as number 1",
    ),
    "inactive": (
        "{a: {image: x, depends_on: [b]}, b: {image: x, profiles: [p]}}",
        "services.a.depends_on: b is not active",
    ),
    "circle": (
        "{a: {image: x, depends_on: [b]}, b: {image: x, depends_on: [a]}}",
        "services: services depend on each other in a circle: a, b",
    ),
    "extends itself": ("{a: {image: x, extends: a}}", "services.a.extends: the service extends itself"),
    "extends nobody": ("{a: {image: x, extends: b}}", "services.a.extends: there is no such service in compose.yaml"),
    "extends no file": (
        "{a: {image: x, extends: {file: no.yaml, service: b}}}",
        "services.a.extends: there is no such file",
    ),
    "network": ("{a: {image: x, networks: [b]}}", "services.a.networks: it uses one that is not under networks"),
    "volume": ('{a: {image: x, volumes: ["vol:/c"]}}', "services.a.volumes: it uses one that is not under volumes"),
    "secret": ("{a: {image: x, secrets: [b]}}", "services.a.secrets[0]: it uses one that is not under secrets"),
    "config": ("{a: {image: x, configs: [b]}}", "services.a.configs[0]: it uses one that is not under configs"),
    "bind": ("{a: {image: x, volumes: [{type: bind, target: /x}]}}", "services.a.volumes[0]: its source is missing"),
    "env file": ("{a: {image: x, env_file: no.env}}", "services.a.env_file: the env file cannot be read: No such file"),
    "variable": ('{a: {image: "${X:?say which}"}}', "services.a.image: the variable X is required and has no value"),
    "no name": ('{a: {image: "${}"}}', "services.a.image: a ${…} holds no name of a variable"),
    "no end": ('{a: {image: "${X"}}', "services.a.image: a ${ has no } that closes it"),
    "nested": ("{a: {image: x, environment: {A: {b: 1}}}}", "services.a.environment.A: a value has to be a text"),
    "command": ('{a: {image: x, command: "a (b"}}', "services.a.command: it has an open quote, or a bracket"),
    "scale": ("{a: {image: x, scale: 2, deploy: {replicas: 3}}}", "services.a.scale: it is another number than"),
    "read only": ("{a: {image: x, read_only: perhaps}}", "services.a.read_only: it has to be true or false"),
    "services": ("[a]", "services: it has to be a section with keys"),
    "service": ("{a: x}", "services.a: it has to be a section with keys"),
    "twice": ("{a: {image: x, image: y}}", "is no YAML: line 1: the key 'image' occurs twice"),
}
"""What is wrong -> the section `services` of a compose.yaml that Compose refuses, too, and what our error says."""
