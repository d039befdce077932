"""The distribution's docker-registry on loopback, and a way into it for exact bytes."""

import http.client
import socket
import subprocess

from harness import wait_for


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


class Registry:
    def __init__(self, world, port=None):
        self.world, self.port = world, port or free_port()
        self.host = f"127.0.0.1:{self.port}"

    def start(self):
        config = self.world.path("registry.yml")
        with open(config, "w") as f:
            f.write("version: 0.1\nlog:\n  level: error\n  accesslog:\n    disabled: true\n"
                    "storage:\n  filesystem:\n    rootdirectory: "
                    f"{self.world.path('registry')}\nhttp:\n  addr: {self.host}\n")
        self.world.start("registry.out", ["docker-registry", "serve", config])
        wait_for("the registry", lambda: subprocess.run(
            ["curl", "-sf", f"http://{self.host}/v2/"],
            stdout=subprocess.DEVNULL).returncode == 0)
        return self

    def push(self, name, thing):
        """Puts an image, index or artifact of images.py under REPOSITORY:TAG. Returns its full name."""
        repository, tag = name.rsplit(":", 1)
        self._push(repository, thing, tag)
        return f"{self.host}/{name}"

    def push_all(self, things):
        """{full name: thing} of {name: thing}."""
        return {self.push(name, thing): thing for name, thing in things.items()}

    def _push(self, repository, thing, tag):
        for member in getattr(thing, "members", []):
            self._push(repository, member, member.digest)
        for part in getattr(thing, "parts", []):
            if self._ask("HEAD", f"/v2/{repository}/blobs/{part.digest}")[0] == 404:
                _, place = self._ask("POST", f"/v2/{repository}/blobs/uploads/", b"")
                separator = "&" if "?" in place else "?"
                self._expect(201, "PUT", f"{place}{separator}digest={part.digest}", part.data)
        self._expect(201, "PUT", f"/v2/{repository}/manifests/{tag}", thing.data, thing.media)

    def _expect(self, status, *request):
        got, body = self._ask(*request)
        if got != status:
            raise OSError(f"the registry answers {got} to {request[0]} {request[1]}: {body}")

    def _ask(self, method, path, body=None, media="application/octet-stream"):
        """(status, where an upload goes on, or what went wrong)."""
        connection = http.client.HTTPConnection(self.host, timeout=30)
        try:
            connection.request(method, path.replace(f"http://{self.host}", ""), body,
                               {"Content-Type": media} if body is not None else {})
            answer = connection.getresponse()
            said = answer.read().decode(errors="replace")
            return answer.status, answer.headers.get("Location") or said
        finally:
            connection.close()
