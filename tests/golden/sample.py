"""A small fleet, the same each time but for its clock: the examples of docs/command.md.

Two web hosts, a build host with a second engine and user, one that fell silent, one retired. Beside
the database lie a catalogue and a policy, for the examples that ask for them.
"""

import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))

from census_db import (BLOBS, BUILDPACKS, EXTRA, GZIP, LABEL, OF_BUILDER, ORPHANS, OUTSIDE, S2I,
                       STOPPED, TOTAL, ZSTD, CensusDb, digest)

K = 4096
DEBIAN = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\nVERSION_ID="12"\n'
ALPINE = 'PRETTY_NAME="Alpine Linux v3.19"\nID=alpine\nVERSION_ID=3.19.1\n'
DEB, ALP = ["debian"], ["alpine"]
NGINX, SHOP = DEB + ["nginx"], DEB + ["nginx", "shop"]
SHOP2, TOOL = DEB + ["nginx", "shop2"], ALP + ["tool"]
CART, RUBY = ["debian-old", "cart"], DEB + ["ruby"]
API = DEB + ["certs", "nginx"]  # the same layer on another parent


def made(db, ago):
    """What a config says that was made so many days ago: ages stay the same from day to day."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(db.now - ago * 86400))


def content(db):
    db.layer("debian", 28000 * K, 110_000_000, 6500, 900, os_release=DEBIAN)
    db.layer("alpine", 1900 * K, 7_300_000, 80, 90, os_release=ALPINE)
    db.layer("nginx", 15000 * K, 60_500_000, 900, 120)
    db.layer("certs", 200 * K, 700_000, 150, 12)
    db.layer("shop", 2500 * K, 9_800_000, 300, 40)
    db.layer("shop2", 2600 * K, 10_100_000, 310, 41)
    db.layer("tool", 700 * K, 2_700_000, 3, 4)
    db.layer("agent", 1200 * K, 4_900_000, 1, 2)
    db.layer("legacy")
    db.layer("debian-old", 27900 * K, 109_600_000, 6490, 900, os_release=DEBIAN)
    db.layer("cart", 800 * K, 3_100_000, 90, 11)
    db.layer("ruby", 9000 * K, 35_400_000, 2100, 300)
    db.image("debian:12", DEB, history=[("/bin/sh -c #(nop) ADD file:1 in /", 0),
                                        ('/bin/sh -c #(nop)  CMD ["bash"]', 1)],
             created=made(db, 20))
    db.image("alpine", ALP, created=made(db, 18))
    db.image("nginx", NGINX, created=made(db, 19))
    db.image("shop", SHOP, history=[("/bin/sh -c #(nop) ADD file:1 in /", 0),
                                    ('/bin/sh -c #(nop)  CMD ["bash"]', 1),
                                    ("RUN apt-get install -y nginx", 0), ("COPY shop /srv", 0)],
             labels={"org.opencontainers.image.version": "4.1"}, created=made(db, 12))
    db.image("shop2", SHOP2, created=made(db, 5))
    db.image("api", API, created=made(db, 10), document=2)
    db.image("tool", TOOL, created=made(db, 15))
    db.image("agent", ["agent"], created=made(db, 13))
    db.image("mystery", None)
    db.image("debian:12 old", ["debian-old"], created=made(db, 75))
    db.image("cart", CART, created=made(db, 22),
             history=[("/bin/sh -c #(nop) ADD file:2 in /", 0), ("COPY cart /srv", 0)])
    db.evidence("cart", LABEL, "docker.io/library/debian:12", named=digest("manifest debian:12 old"))
    db.image("ruby", RUBY, created=made(db, 8))
    db.evidence("ruby", S2I, "docker.io/library/debian:12")
    db.evidence("ruby", S2I, "docker.io/library/debian:12", role=OF_BUILDER)
    db.evidence("tool", BUILDPACKS, "registry.example.com/run:1", top=digest("layer run"))
    db.evidence("tool", BUILDPACKS, "example/go@1.4", role=OF_BUILDER)
    db.manifest("debian:12", [(49_500_000, "debian gzip", GZIP)])
    db.manifest("shop", [(49_500_000, "debian gzip", GZIP), (21_300_000, "nginx gzip", GZIP),
                         (4_100_000, "shop gzip", GZIP)])
    db.manifest("shop", [(41_200_000, "debian zstd", ZSTD), (17_800_000, "nginx zstd", ZSTD),
                         (3_500_000, "shop zstd", ZSTD)], name="shop zstd")


def measure(db, store, *lines):
    """Measures these chains and everything below them: nominal and a block for each layer."""
    for key in {tuple(line[:i + 1]) for line in lines for i in range(len(line))}:
        layer, _ = db.layer(key[-1])
        nominal = db.db.execute("SELECT nominal_bytes FROM layer WHERE id = ?",
                                (layer,)).fetchone()[0]
        db.measured(store, list(key), nominal + K)


def web(db, name, zone):
    host = db.host(name, labels={"zone": zone})
    store = db.store(host, key=name)
    i = db.images
    db.put(store, i["debian:12"], ["docker.io/library/debian:12"],
           repo_digests=[("docker.io/library/debian", digest("manifest debian:12"))])
    db.put(store, i["nginx"], ["docker.io/library/nginx:1.25"])
    db.put(store, i["shop"], ["docker.io/library/shop:4", "registry.example.com/shop:4.1"])
    db.put(store, i["api"], ["docker.io/library/api:2"])
    db.container(store, f"{name}-shop", i["shop"], kube_namespace="shop", kube_pod=f"{name}-0")
    db.container(store, f"{name}-api", i["api"], STOPPED)
    measure(db, store, DEB, NGINX, SHOP, API)
    db.space(store, ORPHANS, "build-cache", 900 * K, 3)
    db.space(store, OUTSIDE, "container-writable", 120 * K, 2)
    db.space(store, OUTSIDE, "engine-metadata", 60 * K, 40)
    total = db.db.execute("SELECT sum(allocated_bytes) FROM copy WHERE store_id = ?",
                          (store,)).fetchone()[0]
    db.space(store, TOTAL, "roots", total + (900 + 120 + 60 + 7) * K, 5)


def build_host(db):
    host = db.host("build-1", labels={"zone": "b", "role": "build"}, cluster="ci")
    docker = db.store(host, key="build docker")
    podman = db.store(host, key="build podman", engine="podman", owner=1000, driver="overlay",
                      root="/home/ci/.local/share/containers/storage")
    i = db.images
    db.put(docker, i["shop2"], ["docker.io/library/shop:4"])
    db.put(docker, i["nginx"], parent=i["debian:12"])
    db.put(docker, i["debian:12"], [])
    db.put(docker, i["debian:12 old"], ["docker.io/library/debian:12"], since=700000,
           repo_digests=[("docker.io/library/debian", digest("manifest debian:12 old"))])
    db.put(docker, i["cart"], ["registry.example.com/cart:7"])
    db.put(docker, i["ruby"], ["registry.example.com/ruby:3"])
    db.put(docker, i["shop"], ["docker.io/library/shop:4"], since=500000, gone=db.now - 4000,
           gone_after=db.now - 4300)
    db.put(docker, i["mystery"], ["registry.example.com/mystery:1"])
    db.put(podman, i["debian:12"], ["docker.io/library/debian:12"])
    db.put(podman, i["tool"], ["localhost/tool:dev"])
    db.put(podman, i["alpine"], ["docker.io/library/alpine:3.19"])
    db.put(podman, i["agent"], ["quay.io/example/agent:7"])
    db.exception(podman, ["legacy"], EXTRA)
    db.origin(docker, "nginx", "registry.example.com/base/nginx")
    measure(db, docker, SHOP2)
    measure(db, podman, TOOL)
    db.space(podman, BLOBS, "kept", 5000 * K, 2)


def history(db):
    """What the collector's surveys kept of today and the day before: decimals are thousandths."""
    builds = {"named": 3, "unnamed": 0, "scratch_images": 1, "undecided_images": 1, "families": 2,
              "versions": 3}
    effective = {"images_effective": 3217, "hosts_effective": 3586, "containers_effective": 1000,
                 "stored_effective": 1838}
    totals = {"images": 12, "excused": 1, "noted": 0, "unjudged": 0, "mode": 2}
    for ago, violations in ((0, 5), (1, 6)):
        day = (db.now // 86400 - ago) * 86400
        accepted = 11 - violations
        for report, sheet, item, figures in (
                ("bases", "core_builds", "", builds), ("bases", "diversity", "", effective),
                ("policy check", "totals", "", totals | {"violations": violations,
                                                         "accepted": accepted}),
                ("policy check", "rules", "company-bases", {"images": accepted,
                                                            "containers_running": 2}),
                ("policy check", "rules", "too-old", {"images": 2, "hosts": 1,
                                                      "containers_running": 0}),
                ("policy check", "rules", "(the mode)", {"images": violations - 1, "hosts": 2,
                                                         "containers_running": 0})):
            for key, value in figures.items():
                db.insert("figure_day", report=report, sheet=sheet, item=item, key=key, day_s=day,
                          value=value)


CATALOGUE = """bases:
  - name: docker.io/library/debian:12
    platform: linux/amd64
    family: debian
    version: "12"
    source: fleet
    created: {created}
    added: {added}
    digest: sha256:{digest}
    layers:
      - sha256:{layer}
  - name: registry.example.com/base/old:1
    layers:
      - sha256:{elsewhere}

families:
  registry.example.com/base/*: company

trust:
  registries:
    - docker.io/library/?*
  stores:
    - host: web-*
    - host: build-*
      root: /var/lib/docker
"""

POLICY = """mode: {mode}
rules:
  - name: company-bases
    accept:
      base:
        - docker.io/library/debian:12
        - docker.io/library/alpine
  - name: too-old
    reject:
      older-than: 60d
    on:
      role: build
exceptions:
  - image: registry.example.com/cart:7
    rule: too-old
    owner: Ann, shop team
    reason: moves to debian 13 in spring
    expires: {expires}
"""


def files(folder, now):
    """company.yaml, a catalogue; policy.yaml, a white list; wild.yaml, which rejects nothing."""
    def date(seconds, form="%Y-%m-%dT%H:%M:%SZ"):
        return time.strftime(form, time.gmtime(seconds))

    texts = {"company.yaml": CATALOGUE.format(
        created=date(now - 20 * 86400), added=date(now - 9 * 86400),
        digest=digest("manifest debian:12").hex(), layer=digest("layer debian").hex(),
        elsewhere=digest("layer elsewhere").hex())}
    for name, mode in (("policy.yaml", "white list"), ("wild.yaml", "wild west")):
        texts[name] = POLICY.format(mode=mode, expires=date(now + 90 * 86400, "%Y-%m-%d"))
    for name, text in texts.items():
        with open(os.path.join(folder, name), "w", encoding="utf-8") as f:
            f.write(text)


def make(path, now=None):
    db = CensusDb(path, now or int(time.time()))
    files(os.path.dirname(os.path.abspath(path)), db.now)
    content(db)
    web(db, "web-1", "a")
    web(db, "web-2", "b")
    build_host(db)
    edge = db.host("edge-1", silent=7200)
    silent = db.store(edge, key="edge", state=3, error="permission denied")
    db.put(silent, db.images["alpine"], ["docker.io/library/alpine:3.19"])
    db.problem(silent, "image/overlay2/repositories.json", "permission denied")
    db.event(edge, "host-renamed", "edge-01", "edge-1", ago=90000)
    retired = db.store(db.host("old-1", silent=2_000_000, retired=db.now - 800_000), key="old")
    db.put(retired, db.images["nginx"], ["docker.io/library/nginx:1.25"])
    history(db)
    db.close()


if __name__ == "__main__":
    make(sys.argv[1])
