"""proxy.py PORT HOST:PORT: hands bytes on between the two; SIGUSR1 cuts all connections."""

import asyncio
import signal
import sys

pipes: set[asyncio.StreamWriter] = set()


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(262144):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    host, port = sys.argv[2].split(":")
    try:
        back, forth = await asyncio.open_connection(host, int(port))
    except OSError:
        writer.close()
        return
    pipes.update((writer, forth))
    await asyncio.gather(pump(reader, forth), pump(back, writer))
    pipes.difference_update((writer, forth))


def cut() -> None:
    for writer in pipes:
        writer.transport.abort()


async def main() -> None:
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, cut)
    server = await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1]))
    await server.serve_forever()


asyncio.run(main())
