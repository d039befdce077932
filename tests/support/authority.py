"""A certificate authority of a test's own, by the openssl command."""

import subprocess
import time

CONFIG = """[ca]
default_ca = tests
[tests]
database = {base}.index
serial = {base}.serial
new_certs_dir = {folder}
default_md = sha256
unique_subject = no
policy = any
[any]
commonName = optional
organizationName = optional
"""
DAY = 86400


def openssl(*words):
    subprocess.run(["openssl", *words], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)


def date(seconds_from_now):
    return time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + seconds_from_now))


class Authority:
    def __init__(self, world, name):
        self.world, self.name = world, name
        base = world.path(name)
        self.cert, self.key, self.config = base + ".pem", base + ".key", base + ".conf"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-keyout", self.key, "-out", self.cert, "-days", "30", "-subj", f"/CN={name}")
        for path, content in ((self.config, CONFIG.format(base=base, folder=world.dir)),
                              (base + ".index", ""), (base + ".serial", "1000\n")):
            with open(path, "w") as f:
                f.write(content)

    def issue(self, host, label=None, begins=-DAY, ends=30 * DAY, purpose=None, names=True):
        """Certificate and key of a host, valid between two times in seconds from now; for any purpose or
        only "serverAuth" or "clientAuth"; without `names` it says for nobody whom it is for."""
        base = self.world.path(label or f"{self.name}-{host}")
        with open(base + ".ext", "w") as f:
            f.write("basicConstraints=CA:FALSE\n")
            f.write(f"subjectAltName=DNS:{host},IP:127.0.0.1\n" if names else "")
            f.write(f"extendedKeyUsage={purpose}\n" if purpose else "")
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                base + ".key", "-out", base + ".csr", "-subj", f"/CN={host}" if names else "/O=nobody")
        openssl("ca", "-batch", "-notext", "-config", self.config, "-cert", self.cert, "-keyfile", self.key,
                "-in", base + ".csr", "-out", base + ".pem", "-startdate", date(begins), "-enddate",
                date(ends), "-extfile", base + ".ext")
        return base + ".pem", base + ".key"
