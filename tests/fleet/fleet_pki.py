"""Certificates of fleets: one authority, all hosts with one key, many hosts in one certificate."""

import math
import subprocess

HOSTS_OF_A_CERTIFICATE = 100
DAYS = 3650  # tests may let the clock run fast


class Pki:
    def __init__(self, world):
        self.world = world
        self.ca, self.ca_key = world.path("ca.pem"), world.path("ca.key")
        self.key = world.path("hosts.key")
        self._openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", self.ca_key)
        self._openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", self.key)
        self._openssl("req", "-x509", "-key", self.ca_key, "-out", self.ca, "-days", str(DAYS), "-subj",
                      "/CN=fleet CA")
        self._openssl("req", "-new", "-key", self.key, "-out", world.path("hosts.csr"), "-subj",
                      "/CN=hosts")
        self.collector = self.issue("collector", ["collector.test"])

    def _openssl(self, *words):
        subprocess.run(["openssl", *words], check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)

    def issue(self, label, names):
        cert, extensions = self.world.path(f"{label}.pem"), self.world.path(f"{label}.ext")
        with open(extensions, "w", encoding="utf-8") as f:
            f.write("subjectAltName=" + ",".join(f"DNS:{name}" for name in names) + "\n")
        self._openssl("x509", "-req", "-in", self.world.path("hosts.csr"), "-CA", self.ca, "-CAkey",
                      self.ca_key, "-CAcreateserial", "-days", str(DAYS), "-extfile", extensions, "-out",
                      cert)
        return cert

    def collector_options(self):
        return ["--cert", self.collector, "--key", self.key, "--ca", self.ca]

    def player_options(self, label, hosts):
        """Host n has certificate n modulo their count."""
        count = math.ceil(len(hosts) / HOSTS_OF_A_CERTIFICATE)
        return ["--ca", self.ca, "--server-name", "collector.test", "--key", self.key,
                *(word for i in range(count)
                  for word in ("--cert", self.issue(f"{label}-{i}", hosts[i::count])))]
