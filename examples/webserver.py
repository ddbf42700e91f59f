"""Takes the events of tetherd: prints each of them once, then acknowledges it.
python3 examples/webserver.py [PORT] [FILE]    FILE remembers over restarts what was seen."""
import json, os, socketserver, sys, threading

port = int(sys.argv[1]) if len(sys.argv) > 1 else 7100
file = sys.argv[2] if len(sys.argv) > 2 else None
seen = json.load(open(file)) if file and os.path.exists(file) else {}
one_at_a_time = threading.Lock()

class Link(socketserver.BaseRequestHandler):
    def handle(self):
        gateway, rest = "", b""
        while data := self.request.recv(65536):
            *lines, rest = (rest + data).split(b"\n")  # rest: a line whose end has not come yet
            with one_at_a_time:
                ack = None
                for message in map(json.loads, lines):
                    gateway = message.get("gateway", gateway)
                    if "offset" not in message:
                        print(json.dumps(message), file=sys.stderr)
                        continue
                    ack = message["offset"]
                    if ack <= seen.get(gateway, 0):
                        continue  # sent again after a broken link
                    # Here: do your work, and store offset and result in one transaction.
                    print(json.dumps(message, separators=(",", ":")), flush=True)
                    seen[gateway] = ack
                if ack is not None and file:
                    with open(file + ".new", "w") as new:
                        json.dump(seen, new)
                    os.replace(file + ".new", file)
            if ack is not None:
                self.request.sendall(json.dumps({"ack": ack}).encode() + b"\n")

socketserver.ThreadingTCPServer.allow_reuse_address = True
socketserver.ThreadingTCPServer.daemon_threads = True
with socketserver.ThreadingTCPServer(("127.0.0.1", port), Link) as server:
    print("listening on %s:%d" % server.server_address, file=sys.stderr, flush=True)
    server.serve_forever()
