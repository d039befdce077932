#!/usr/bin/python3
"""Our gRPC against grpcio, both ways, plaintext and mutual TLS.

    grpc_interop.py PATH_TO_GRPC_PEER

Exit status 77 (skipped) where python3-grpcio is missing.
"""
import concurrent.futures
import os
import struct
import subprocess
import sys
import tempfile

try:
    import grpc
except ImportError:
    print("skip grpc interop: python3-grpcio is missing")
    sys.exit(77)

PEER = sys.argv[1]
FAIL_TEXT = "no: \u00e4%"
TIMEOUT = 60


def make_pki(folder):
    """A CA and one certificate for localhost, both sides use it."""
    path = lambda name: os.path.join(folder, name)
    run = lambda *args: subprocess.run(("openssl",) + args, check=True, capture_output=True)
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    run("req", "-x509", *curve, "-keyout", path("ca.key"), "-out", path("ca.pem"),
        "-subj", "/CN=test CA", "-days", "2")
    run("req", *curve, "-keyout", path("key"), "-out", path("csr"), "-subj", "/CN=localhost")
    with open(path("ext"), "w") as out:
        out.write("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    run("x509", "-req", "-in", path("csr"), "-CA", path("ca.pem"), "-CAkey", path("ca.key"),
        "-CAcreateserial", "-days", "2", "-extfile", path("ext"), "-out", path("cert"))
    return [path("cert"), path("key"), path("ca.pem")]


def read(path):
    with open(path, "rb") as file:
        return file.read()


def expect(condition, what):
    if not condition:
        raise AssertionError(what)


class EchoHandler(grpc.GenericRpcHandler):
    def service(self, details):
        if details.method == "/test.Echo/Unary":
            return grpc.unary_unary_rpc_method_handler(lambda message, context: message)
        if details.method == "/test.Echo/Stream":
            return grpc.stream_stream_rpc_method_handler(lambda messages, context: messages)
        if details.method == "/test.Echo/Fail":
            return grpc.unary_unary_rpc_method_handler(
                lambda message, context: context.abort(grpc.StatusCode.ABORTED, FAIL_TEXT))
        return None


def our_client_python_server(files):
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(8))
    server.add_generic_rpc_handlers((EchoHandler(),))
    if files:
        cert, key, ca = (read(f) for f in files)
        port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials(
            [(key, cert)], root_certificates=ca, require_client_auth=True))
    else:
        port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        for count, size in ((500, 100), (20, 1000000), (1, 0)):
            done = subprocess.run([PEER, "call", f"127.0.0.1:{port}", str(count), str(size)] +
                                  files, capture_output=True, text=True, timeout=TIMEOUT)
            expect(done.returncode == 0 and done.stdout == "ok\n",
                   f"{count} x {size}: {done.stdout}{done.stderr}")
    finally:
        server.stop(0)


def failure_of(call):
    try:
        call.result()
    except grpc.RpcError as error:
        return error
    raise AssertionError("the call did not fail")


def talk(channel):
    unary = channel.unary_unary("/test.Echo/Unary")
    stream = channel.stream_stream("/test.Echo/Stream")
    expect(unary(b"hello", timeout=TIMEOUT) == b"hello", "unary")
    expect(unary(b"", timeout=TIMEOUT) == b"", "empty message")
    for count, size in ((500, 100), (20, 1000000)):
        sent = [struct.pack(">I", i) + b"x" * size for i in range(count)]
        expect(list(stream(iter(sent), timeout=TIMEOUT)) == sent, f"stream {count} x {size}")

    error = failure_of(channel.unary_unary("/test.Echo/Fail").future(b"x", timeout=TIMEOUT))
    expect(error.code() == grpc.StatusCode.ABORTED, f"code {error.code()}")
    expect(error.details() == FAIL_TEXT, f"details {error.details()!r}")
    error = failure_of(channel.unary_unary("/test.Echo/Nothing").future(b"x", timeout=TIMEOUT))
    expect(error.code() == grpc.StatusCode.UNIMPLEMENTED, f"code {error.code()}")
    expect("/test.Echo/Nothing" in error.details(), error.details())
    error = failure_of(unary.future(b"x" * (4 * 1024 * 1024 + 1), timeout=TIMEOUT))
    expect(error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED, f"code {error.code()}")
    expect("4194305" in error.details() and "4194304" in error.details(), error.details())
    error = failure_of(channel.unary_unary("/test.Echo/Unary").future(
        b"x" * 1000, timeout=TIMEOUT, compression=grpc.Compression.Gzip))
    expect(error.code() == grpc.StatusCode.UNIMPLEMENTED, f"code {error.code()}")
    expect(unary(b"still here", timeout=TIMEOUT) == b"still here", "after failures")


def python_client_our_server(files):
    server = subprocess.Popen([PEER, "serve", "127.0.0.1:0"] + files, stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, text=True)
    try:
        port = int(server.stdout.readline().split()[1])
        options = [("grpc.max_send_message_length", -1)]
        if files:
            cert, key, ca = (read(f) for f in files)
            channel = grpc.secure_channel(
                f"127.0.0.1:{port}",
                grpc.ssl_channel_credentials(ca, key, cert), options)
        else:
            channel = grpc.insecure_channel(f"127.0.0.1:{port}", options)
        with channel:
            talk(channel)
    finally:
        server.stdin.close()
        expect(server.wait(TIMEOUT) == 0, "the server's exit status")


def main():
    with tempfile.TemporaryDirectory() as folder:
        pki = make_pki(folder)
        for name, test in (("our client, grpcio's server", our_client_python_server),
                           ("grpcio's client, our server", python_client_our_server)):
            for kind, files in (("plaintext", []), ("mutual TLS", pki)):
                test(files)
                print(f"ok grpc: {name}, {kind}", flush=True)


main()
