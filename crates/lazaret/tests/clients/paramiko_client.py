"""One act of paramiko's: put, get, parallel, half, rest. Fails by raising."""

import os
import sys

import paramiko

port, user, key, known, act, first, second = sys.argv[1:]
ssh = paramiko.SSHClient()
ssh.load_host_keys(known)
ssh.connect("localhost", int(port), user, pkey=paramiko.Ed25519Key.from_private_key_file(key),
            look_for_keys=False, allow_agent=False)
sftp = ssh.open_sftp()

if act == "put":
    # confirm: STAT must say what was written.
    sftp.put(first, second, confirm=True)
elif act == "get":
    # Prefetches the whole file: every READ is sent before the first answer is read.
    sftp.get(first, second)
elif act == "parallel":
    data = open(first, "rb").read()
    # A channel for each: on one, paramiko throws away the answers to the other files' writes and then waits for them.
    files = [ssh.open_sftp().open(second + str(n), "wb") for n in range(8)]
    for file in files:
        file.set_pipelined(True)
    for start in range(0, len(data), 100_000):
        for file in files:
            file.write(data[start:start + 100_000])
    for file in files:
        file.close()
elif act == "half":
    file = sftp.open(second, "wb")
    file.write(open(first, "rb").read()[:1_000_000])
    file.flush()
    # The connection is lost, without CLOSE.
    ssh.get_transport().sock.close()
    os._exit(0)
elif act == "rest":
    there = sftp.stat(second).st_size
    file = sftp.open(second, "ab")
    file.write(open(first, "rb").read()[there:])
    file.close()
else:
    raise SystemExit(act)
ssh.close()
