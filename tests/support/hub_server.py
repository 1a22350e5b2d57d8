"""A stand-in for the hub: a server that speaks as much of its HTTP API as creating, pushing and fetching models needs.

What it answers follows huggingface_hub 2.4 and the hub's documentation of its API. It keeps all in memory, and wants
the token `TOKEN` for whatever is private and for every change.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import unquote, urlsplit

TOKEN = "hf_MadeUpTokenOfNobody"
OWNER = "team"
"""The one owner whose repositories the token may make and change."""
LOST = "lost"
"""A fault: the request is done, and its answer never comes."""
LARGE = (".safetensors", ".onnx", ".data")
"""What goes into large file storage."""

Files = dict[str, bytes]


@dataclass
class Repository:
    """One model repository: commits by hash in their order, branches and tags."""

    name: str
    private: bool
    commits: dict[str, Files] = field(default_factory=dict)
    messages: list[str] = field(default_factory=list)
    references: dict[str, str] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()

    def commit(self, branch: str, files: Files, message: str) -> str:
        """Put a commit onto a branch; return its hash."""
        content = repr((self.name, len(self.commits), sorted(files.items())))
        commit = hashlib.sha1(content.encode()).hexdigest()
        self.commits[commit] = files
        self.messages.append(message)
        self.references[branch] = commit
        return commit

    def find(self, revision: str) -> str | None:
        """Return the hash that a branch, a tag or a full hash means."""
        return revision if revision in self.commits else self.references.get(revision)

    def head(self, branch: str = "main") -> Files:
        """Return the files at a branch's end."""
        return self.commits[self.references[branch]]


@dataclass
class Hub:
    """The state of the stand-in.

    Attributes:
        endpoint: its address.
        repositories: by OWNER/NAME.
        requests: method and path of all, in their order.
        faults: by a regular expression of method and path: HTTP statuses or LOST, each for one request that matches.
    """

    endpoint: str = ""
    repositories: dict[str, Repository] = field(default_factory=dict)
    large: Files = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    faults: dict[str, list[int | str]] = field(default_factory=dict)

    def repository(self, name: str, *, private: bool = True) -> Repository:
        """Make a repository, as the hub does: with one commit."""
        made = Repository(name=name, private=private)
        made.commit("main", {".gitattributes": b"*.safetensors filter=lfs\n"}, "initial commit")
        self.repositories[name] = made
        return made

    def fault(self, request: str) -> int | str | None:
        """Return what goes wrong with a request."""
        for pattern, faults in self.faults.items():
            if faults and re.search(pattern, request):
                return faults.pop(0)
        return None


class _RefusalError(Exception):
    def __init__(self, status: int, message: str, code: str = "", **body: str) -> None:
        super().__init__(message)
        self.status, self.message, self.code, self.body = status, message, code, body


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self._answer()

    do_HEAD = do_POST = do_PUT = do_GET  # noqa: N815

    def _answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        request = f"{self.command} {path}"
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.hub.requests.append(request)
        fault = self.hub.fault(request)
        try:
            if isinstance(fault, int):
                # A careless server repeats what it was sent: nothing of this may reach a person.
                raise _RefusalError(fault, f"refused for {self.headers.get('Authorization')}")
            status, answer, headers = self._routed(path, body)
        except _RefusalError as refusal:
            status, answer = refusal.status, json.dumps({"error": refusal.message} | refusal.body).encode()
            headers = {"X-Error-Message": refusal.message, "Content-Type": "application/json"}
            headers |= {"X-Error-Code": refusal.code} if refusal.code else {}
        if fault == LOST:
            self.close_connection = True
            return
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(answer))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer)

    def _routed(self, path: str, body: bytes) -> tuple[int, bytes, dict[str, str]]:
        for pattern, handle in _ROUTES:
            found = re.fullmatch(pattern, f"{self.command} {path}")
            if found is not None:
                answer = handle(self, body, **found.groupdict())
                return answer if isinstance(answer, tuple) else (200, json.dumps(answer).encode(), {})
        raise _RefusalError(404, "no such page")

    @property
    def _token(self) -> str:
        return (self.headers.get("Authorization") or "").removeprefix("Bearer ")

    def _may_write(self, name: str) -> None:
        if self._token != TOKEN:
            raise _RefusalError(401, "Invalid credentials in Authorization header")
        if not name.startswith(f"{OWNER}/"):
            raise _RefusalError(403, f"You don't have the rights to write to {name}")

    def _found(self, name: str) -> Repository:
        if self._token not in ("", TOKEN):
            raise _RefusalError(401, "Invalid credentials in Authorization header")
        found = self.hub.repositories.get(name)
        if found is None or (found.private and self._token != TOKEN):
            raise _RefusalError(404 if self._token else 401, "Repository not found", "RepoNotFound")
        return found

    def _at(self, name: str, revision: str) -> tuple[Repository, str]:
        repository = self._found(name)
        commit = repository.find(revision)
        if commit is None:
            raise _RefusalError(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        return repository, commit

    def create(self, body: bytes) -> Any:
        asked = json.loads(body)
        name = f"{asked.get('organization') or OWNER}/{asked['name']}"
        self._may_write(name)
        url = f"{self.hub.endpoint}/{name}"
        if name in self.hub.repositories:
            raise _RefusalError(409, "You already created this model repo", url=url)
        self.hub.repository(name, private=asked.get("visibility") == "private" or bool(asked.get("private")))
        return {"url": url, "name": name}

    def info(self, _: bytes, name: str, revision: str | None = None) -> Any:
        repository, commit = self._at(name, revision or "main")
        siblings = [{"rfilename": each} for each in sorted(repository.commits[commit])]
        return {"_id": "0", "id": name, "modelId": name, "sha": commit, "private": repository.private,
                "tags": [], "siblings": siblings}  # fmt: skip

    def tree(self, _: bytes, name: str, revision: str) -> Any:
        repository, commit = self._at(name, revision)
        return [_entry(path, content) for path, content in sorted(repository.commits[commit].items())]

    def branch(self, body: bytes, name: str, branch: str) -> Any:
        self._may_write(name)
        repository, commit = self._at(name, json.loads(body or b"{}").get("startingPoint") or "main")
        repository.references[branch] = commit
        return {}

    def yaml(self, _: bytes) -> Any:
        return {"errors": [], "warnings": []}

    def preupload(self, body: bytes, name: str, revision: str) -> Any:
        self._may_write(name)
        repository, commit = self._at(name, revision)
        there = repository.commits[commit]
        return {
            "files": [
                {
                    "path": path,
                    "uploadMode": "lfs" if path.endswith(LARGE) else "regular",
                    "shouldIgnore": path in repository.ignored,
                    "oid": _oid(path, there[path]) if path in there else None,
                }
                for path in (file["path"] for file in json.loads(body)["files"])
            ]
        }

    def batch(self, body: bytes, name: str) -> Any:
        self._may_write(name)
        objects = []
        for each in json.loads(body)["objects"]:
            upload = {"upload": {"href": f"{self.hub.endpoint}/large/{each['oid']}"}}
            objects.append(each if each["oid"] in self.hub.large else each | {"actions": upload})
        return {"transfer": "basic", "objects": objects}

    def put(self, body: bytes, oid: str) -> Any:
        if hashlib.sha256(body).hexdigest() != oid:
            raise _RefusalError(400, "these are not the announced bytes")
        self.hub.large[oid] = body
        return {}

    def commit(self, body: bytes, name: str, revision: str) -> Any:
        self._may_write(name)
        repository, head = self._at(name, revision)
        files, header = dict(repository.commits[head]), dict[str, str]()
        for line in body.splitlines():
            step = json.loads(line)
            key, value = step["key"], step["value"]
            if key == "header":
                header = value
            elif key == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif key == "lfsFile":
                files[value["path"]] = self.hub.large[value["oid"]]
            else:
                assert key == "deletedFile"
                del files[value["path"]]
        if header.get("parentCommit", head) != head:
            raise _RefusalError(412, "A commit has happened since. Please refresh and try again.")
        commit = repository.commit(revision, files, header["summary"])
        url = f"{self.hub.endpoint}/{name}/commit/{commit}"
        return {"success": True, "commitOid": commit, "commitUrl": url, "hookOutput": ""}

    def resolve(self, _: bytes, name: str, revision: str, path: str) -> Any:
        repository, commit = self._at(name, revision)
        content = repository.commits[commit].get(path)
        if content is None:
            raise _RefusalError(404, "Entry not found", "EntryNotFound")
        oid = f'"{_oid(path, content)}"'
        headers = {"ETag": oid, "X-Repo-Commit": commit, "Content-Type": "application/octet-stream"}
        if path.endswith(LARGE):
            headers |= {"X-Linked-Etag": oid, "X-Linked-Size": str(len(content))}
        return 200, content, headers


def _oid(path: str, content: bytes) -> str:
    """Return what a file is known by: the SHA-256 of a large one, git's hash of others."""
    if path.endswith(LARGE):
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha1(b"blob %d\0%s" % (len(content), content)).hexdigest()


def _entry(path: str, content: bytes) -> dict[str, Any]:
    entry = {"type": "file", "path": path, "size": len(content), "oid": _oid(path, content)[:40]}
    if path.endswith(LARGE):
        entry["lfs"] = {"oid": _oid(path, content), "size": len(content), "pointerSize": 130}
    return entry


_NAME, _REVISION = r"(?P<name>[\w.-]+/[\w.-]+)", r"(?P<revision>.+)"
_ROUTES = (
    (r"POST /api/repos/create", _Handler.create),
    (r"POST /api/validate-yaml", _Handler.yaml),
    (rf"GET /api/models/{_NAME}", _Handler.info),
    (rf"GET /api/models/{_NAME}/revision/{_REVISION}", _Handler.info),
    (rf"GET /api/models/{_NAME}/tree/{_REVISION}", _Handler.tree),
    (rf"POST /api/models/{_NAME}/branch/(?P<branch>.+)", _Handler.branch),
    (rf"POST /api/models/{_NAME}/preupload/{_REVISION}", _Handler.preupload),
    (rf"POST /api/models/{_NAME}/commit/{_REVISION}", _Handler.commit),
    (rf"POST /{_NAME}\.git/info/lfs/objects/batch", _Handler.batch),
    (r"PUT /large/(?P<oid>\w+)", _Handler.put),
    (rf"(?:GET|HEAD) /{_NAME}/resolve/(?P<revision>\w+)/(?P<path>.+)", _Handler.resolve),
)


@contextmanager
def running_hub() -> Iterator[Hub]:
    """Yield a hub without any repository, on a free port of this machine."""
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
    server.daemon_threads = True
    hub.endpoint = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
