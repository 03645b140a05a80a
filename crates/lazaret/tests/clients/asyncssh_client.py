"""One act of asyncssh's: put, get, parallel, half, rest, channels. Fails by raising."""

import asyncio
import os
import sys

import asyncssh

port, user, key, known, act, first, second = sys.argv[1:]


async def main():
    async with asyncssh.connect("localhost", int(port), username=user, client_keys=[key], known_hosts=known,
                                agent_path=None, config=None) as ssh:
        if act == "channels":
            clients = []
            try:
                for _ in range(12):
                    clients.append(await ssh.start_sftp_client())
            except asyncssh.ChannelOpenError:
                pass
            print(len(clients))
            return
        async with ssh.start_sftp_client() as sftp:
            if act == "put":
                # Blocks of 16 KiB, 64 of them under way, in any order.
                await sftp.put(first, second, block_size=16384, max_requests=64)
            elif act == "get":
                await sftp.get(first, second)
            elif act == "parallel":
                await asyncio.gather(*(sftp.put(first, second + str(n)) for n in range(8)))
            elif act == "half":
                file = await sftp.open(second, "wb")
                await file.write(open(first, "rb").read()[:1_000_000])
                ssh.abort()
                os._exit(0)
            elif act == "rest":
                there = (await sftp.stat(second)).size
                async with sftp.open(second, "ab") as file:
                    await file.write(open(first, "rb").read()[there:])
            else:
                raise SystemExit(act)


asyncio.run(main())
