"""The services that roles need, such as a database and a broker, which the smoke test starts for them."""

from weighbridge.settings.containers import Mounts
from weighbridge.settings.names import Alias, Folder, User
from weighbridge.settings.values import Argument, Bytes, Command, Reference, Section


class Service(Section):
    """A service that the roles need."""

    image: Reference
    environment: dict[Argument, Argument] = {}
    command: Command | None = None
    """None: that of the image; Redis and Valkey are told to keep nothing on disk."""
    entrypoint: Command | None = None
    """None: that of the image."""
    user: User | None = None
    """Name or number of the user, with a group if need be. None: that of the image, and 999 for Redis and Valkey."""
    ready: Command | None = None
    """Command to run in the service's container; exit code 0 means ready. None: what its kind of server needs."""
    aliases: tuple[Alias, ...] = ()
    """Further names by which the roles reach it."""
    writable: dict[Folder, Bytes] = {}
    """Folder in memory -> its size. Those of PostgreSQL, RabbitMQ, Redis, Valkey, MySQL and MariaDB are known."""
    mounts: Mounts = {}
    """Path in the container -> file or folder of the project, or a text; a copy of it is there, and is read-only."""
