"""The few calls of Kubernetes' CRI that a kubelet makes to have a pod, spoken with messages encoded
by hand: (method, {field number: value}), a value being text, a number, a nested dictionary or a
list of those."""

import re

import grpc


def _varint(number):
    out = b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def encode(message):
    out = b""
    for field, value in message.items():
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, int):
                out += _varint(field << 3) + _varint(item)
                continue
            data = encode(item) if isinstance(item, dict) else item.encode()
            out += _varint(field << 3 | 2) + _varint(len(data)) + data
    return out


def _labels(labels):
    """As a kubelet labels what it makes."""
    return [{1: f"io.kubernetes.{key}", 2: value} for key, value in labels.items()]


class Cri:
    """One connection to a CRI socket."""

    RUNTIME, IMAGES = "/runtime.v1.RuntimeService/", "/runtime.v1.ImageService/"
    HOST_NETWORK = {1: 2}

    def __init__(self, socket):
        self.channel = grpc.insecure_channel("unix:" + socket)

    def close(self):
        self.channel.close()

    def call(self, method, message):
        return self.channel.unary_unary(method)(encode(message), timeout=60)

    def pull(self, name):
        """The image's ID."""
        return re.search(rb"sha256:[0-9a-f]{64}",
                         self.call(self.IMAGES + "PullImage", {1: {1: name}})).group().decode()

    def remove(self, name):
        self.call(self.IMAGES + "RemoveImage", {1: {1: name}})

    def pod(self, name, space, logs):
        """A pod on the host's network: (its ID, its configuration)."""
        config = {1: {1: name, 2: f"uid-of-{name}", 3: space}, 3: logs,
                  6: _labels({"pod.name": name, "pod.namespace": space}),
                  8: {2: {1: self.HOST_NETWORK}}}
        return self._id(self.call(self.RUNTIME + "RunPodSandbox", {1: config})), config

    def container(self, pod, name, image, *command):
        """A running container in the pod: its ID."""
        sandbox, config = pod
        labels = _labels({"container.name": name, "pod.name": config[1][1],
                          "pod.namespace": config[1][3]})
        made = self._id(self.call(self.RUNTIME + "CreateContainer", {
            1: sandbox, 2: {1: {1: name}, 2: {1: image}, 3: list(command), 9: labels,
                       11: f"{name}.log"},
            3: config}))
        self.call(self.RUNTIME + "StartContainer", {1: made})
        return made

    def stop(self, container):
        self.call(self.RUNTIME + "StopContainer", {1: container, 2: 0})

    def end(self, pod):
        self.call(self.RUNTIME + "StopPodSandbox", {1: pod[0]})
        self.call(self.RUNTIME + "RemovePodSandbox", {1: pod[0]})

    @staticmethod
    def _id(answer):
        return re.search(rb"[0-9a-f]{64}", answer).group().decode()
