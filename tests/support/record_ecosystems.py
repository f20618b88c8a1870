"""Makes the recorded trees of package managers anew: `python -m tests.support.record_ecosystems TOOLS`.

`TOOLS` is a folder with the managers that are no dependencies of the project: `pnpm/node_modules/.bin/pnpm` (pnpm 9 by
npm), `conda`, an environment with py-rattler and conda-package-handling, and `old`, one with pip 22.3.1, setuptools
65.5.0 and no wheel: the last that install as an `.egg-info` and as an egg. All packages are ours; none is fetched.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.support.ecosystems import Tree, entries_below, node_tree, record
from tests.support.images import Entry

_SITE = "lib/python3.11/site-packages"
CONDA = {
    "libdemo": ("1.2.11", "h0_0", [], {"lib/libdemo.so.1": "l" * 900, "include/demo.h": "h" * 40}),
    "demo-py": (
        "2.0",
        "py311_1",
        ["libdemo >=1.2,<2", "__glibc >=2.17"],
        {
            "bin/demo": "#!/bin/sh\n",
            f"{_SITE}/demo/__init__.py": "x = 1\n" * 20,
            f"{_SITE}/demo/__pycache__/__init__.cpython-311.pyc": "p" * 77,
            f"{_SITE}/demo_py-2.0.dist-info/METADATA": "Name: demo-py\nVersion: 2.0\n",
            f"{_SITE}/demo_py-2.0.dist-info/RECORD": "demo/__init__.py,,\ndemo_py-2.0.dist-info/RECORD,,\n",
        },
    ),
}
"""Name -> version, build, what it depends on, and files: one holds a distribution of Python, as conda packages them."""
_INSTALL_CONDA = """
import asyncio, hashlib, json, pathlib, sys
from conda_package_handling import api
import rattler, rattler.index
from rattler.package.build_string import BuildString

root, packages = pathlib.Path(sys.argv[1]), json.load(sys.stdin)
channel = root / "channel"
for folder in ("linux-64", "noarch"):
    (channel / folder).mkdir(parents=True)
for name, (version, build, depends, files) in packages.items():
    source = root / "source" / name
    for path, text in files.items():
        (source / path).parent.mkdir(parents=True, exist_ok=True)
        (source / path).write_text(text)
    info = source / "info"
    info.mkdir()
    index = dict(name=name, version=version, build=build, build_number=0, depends=depends, subdir="linux-64")
    (info / "index.json").write_text(json.dumps(index))
    (info / "files").write_text("".join(f"{path}\\n" for path in files))
    digest = lambda text: hashlib.sha256(text.encode()).hexdigest()
    paths = [
        dict(_path=path, path_type="hardlink", sha256=digest(text), size_in_bytes=len(text))
        for path, text in files.items()
    ]
    (info / "paths.json").write_text(json.dumps(dict(paths_version=1, paths=paths)))
    api.create(str(source), None, str(channel / "linux-64" / f"{name}-{version}-{build}.conda"))

async def main():
    await rattler.index.index_fs(str(channel))
    libc = rattler.GenericVirtualPackage(rattler.PackageName("__glibc"), rattler.Version("2.36"), BuildString("0"))
    records = await rattler.solve(
        [rattler.Channel(channel.as_uri())], ["demo-py"], platforms=["linux-64", "noarch"], virtual_packages=[libc]
    )
    asked = [rattler.MatchSpec("demo-py")._match_spec]
    await rattler.install(
        records, target_prefix=str(root / "opt/conda"), cache_dir=str(root / "cache"), requested_specs=asked
    )

asyncio.run(main())
print(rattler.__version__)
"""


def conda(tools: Path, root: Path) -> Tree:
    """Return a prefix that py-rattler made; its packages have what their archives list, and their records."""
    words = [str(tools / "conda/bin/python"), "-c", _INSTALL_CONDA, str(root)]
    done = subprocess.run(words, input=json.dumps(CONDA), check=True, text=True, stdout=subprocess.PIPE)
    packages = {}
    for name, (version, build, _, files) in CONDA.items():
        listed = [f"opt/conda/{path}" for path in files if not path.endswith(".pyc")]
        packages[f"{name} {version}={build}"] = [*listed, f"opt/conda/conda-meta/{name}-{version}-{build}.json"]
    entries = [_scrubbed(entry, str(root)) for entry in entries_below(root / "opt", root)]
    return Tree(f"py-rattler {done.stdout.split()[-1]}", tuple(entries), packages)


def _scrubbed(entry: Entry, root: str) -> Entry:
    """Return an entry without paths of this machine."""
    data = entry.data.replace(f"file://{root}".encode(), b"https://conda.example.org").replace(root.encode(), b"/build")
    return Entry(entry.name, data, entry.type, entry.target)


_SETUP = """from setuptools import setup
setup(name="{name}", version="1.5", packages=["{module}"], package_data={{"{module}": ["data.txt"]}}, zip_safe=False,
      {more})
"""
_NEEDS = """install_requires=["Other_Dep>=1", 'back; python_version<"3"'], extras_require={"fast": ["speedy"]}"""


def egg_info(tools: Path, root: Path) -> Tree:
    """Return what setup.py installs: by an old pip, with a list of files; as an egg; and one in development.

    What pip lists is what `pip show -f` prints, and the list's own file; an egg has its folder.
    """
    old = tools / "old/bin"
    site = Path(subprocess.check_output([old / "pip", "--version"], text=True).split(" from ")[1].split("/pip ")[0])
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    for name, module, more in (
        ("Demo.Listed", "demo_listed", f'scripts=["demo-run"], {_NEEDS}'),
        ("demo-egg", "demo_egg", ""),
        ("demo-develop", "demo_develop", _NEEDS),
    ):
        folder = root / "srv" / module
        (folder / module).mkdir(parents=True)
        (folder / "setup.py").write_text(_SETUP.format(name=name, module=module, more=more))
        (folder / module / "__init__.py").write_text("x = 1\n" * 9)
        (folder / module / "data.txt").write_text("d" * 99)
        (folder / "demo-run").write_text("#!/bin/sh\n")
    words = [str(old / "pip"), "install", "--no-index", "--no-deps", "--no-use-pep517", str(root / "srv/demo_listed")]
    subprocess.run(words, check=True, env=environment)
    for module, deed in (("demo_egg", ["install"]), ("demo_develop", ["egg_info"])):
        subprocess.run(
            [old / "python", "setup.py", "-q", *deed], cwd=root / "srv" / module, check=True, env=environment
        )
    prefix, venv = site.parents[2], "venv"
    shown = subprocess.check_output([old / "pip", "show", "-f", "Demo.Listed"], text=True).partition("Files:\n")[2]
    place = f"{venv}/{site.relative_to(prefix)}"
    listed = [os.path.normpath(f"{place}/{line.strip()}") for line in shown.splitlines()]
    listed.append(f"{place}/Demo.Listed-1.5-py3.11.egg-info/installed-files.txt")
    entries = [
        Entry(f"{venv}/{each.name}", each.data)
        for path in [*site.glob("Demo.Listed*"), site / "demo_listed", *site.glob("demo_egg*"), prefix / "bin"]
        for each in entries_below(path, prefix)
        if not each.name.startswith("bin/") or each.name.endswith("/demo-run")
    ]
    egg = [each.name for each in entries if ".egg/" in each.name]
    develop = list(entries_below(root / "srv/demo_develop", root))
    packages = {
        "demo-listed 1.5": listed,
        "demo-egg 1.5": egg,
        "demo-develop 1.5": [each.name for each in develop if ".egg-info/" in each.name],
    }
    bare = {title: [path for path in paths if not path.endswith(".pyc")] for title, paths in packages.items()}
    return Tree("pip 22.3.1 and setuptools 65.5.0", (*entries, *develop), bare)


def main(tools: Path) -> None:
    """Make and write all of them."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        pnpm = [str(tools / "pnpm/node_modules/.bin/pnpm")]
        record("npm", node_tree(root / "npm"))
        record("pnpm", node_tree(root / "pnpm", pnpm, "--depth=Infinity"))
        record("conda", conda(tools, root / "conda"))
        record("egg_info", egg_info(tools, root / "egg"))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
